package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
)

// accounts is a configuration of accounts with these names.
func accounts(t *testing.T, names ...string) *config.Config {
	t.Helper()
	var b strings.Builder
	b.WriteString("accounts:\n")
	for i, name := range names {
		fmt.Fprintf(&b, "- {name: %s, account_sid: AC%032x, basic_auth: {username: u, password: p}}\n", strconv.Quote(name), i)
	}
	c, err := config.Parse("test.yml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// names lists the accounts of a configuration.
func names(c *config.Config) (list []string) {
	for _, a := range c.Accounts() {
		list = append(list, a.Name)
	}
	return list
}

// shards says in which shard each account is, and wants it to be in one only.
func shards(t *testing.T, c *config.Config, total int) map[string]int {
	t.Helper()
	in := make(map[string]int)
	for shard := range total {
		for _, name := range names(c.Shard(shard, total)) {
			if before, twice := in[name]; twice {
				t.Errorf("of %d shards, %q is in %d and in %d", total, name, before, shard)
			}
			in[name] = shard
		}
	}
	return in
}

// TestShardsNeverChange: a different answer for any of these is a different
// hash, with which a rolling update would poll accounts twice or not at all. The
// numbers are those of another implementation of FNV-1a and of the jump hash.
func TestShardsNeverChange(t *testing.T) {
	totals := []int{2, 3, 10, 1000}
	want := map[string][]int{
		"production":                         {0, 0, 6, 20},
		"sensors":                            {1, 1, 7, 183},
		"demo":                               {1, 2, 8, 228},
		"demo-kore":                          {1, 2, 7, 249},
		"AC00000000000000000000000000000000": {1, 2, 6, 523},
		"ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": {0, 2, 5, 488},
		"a":                                  {1, 2, 2, 163},
		"b":                                  {0, 0, 3, 768},
		"Köln, Werk 2":                       {0, 2, 3, 618},
		"東京":                                 {0, 0, 0, 383},
		"🚚":                                  {1, 1, 9, 408},
	}
	var all []string
	for name := range want {
		all = append(all, name)
	}
	c := accounts(t, all...)
	for i, total := range totals {
		have := shards(t, c, total)
		for name, shards := range want {
			if shard, ok := have[name]; !ok || shard != shards[i] {
				t.Errorf("of %d shards, %q: want %d, have %d (%t)", total, name, shards[i], shard, ok)
			}
		}
	}
}

// TestShardsDivide: every account is in one shard; none is much larger than
// another; where a shard is added, accounts move to it and nowhere else.
func TestShardsDivide(t *testing.T) {
	var all []string
	for i := range 2000 {
		all = append(all, []string{fmt.Sprintf("AC%032x", i), fmt.Sprintf("customer %d", i), fmt.Sprint(i)}[i%3])
	}
	c := accounts(t, all...)
	before := map[string]int{}
	for total := 1; total <= 50; total++ {
		have := shards(t, c, total)
		if len(have) != len(all) {
			t.Errorf("of %d shards: want %d accounts, have %d", total, len(all), len(have))
		}
		sizes, moved := make([]int, total), 0
		for _, name := range all {
			shard := have[name]
			sizes[shard]++
			if old, ok := before[name]; ok && old != shard {
				moved++
				if shard != total-1 {
					t.Errorf("with shard %d added, %q moved from %d to %d", total-1, name, old, shard)
				}
			}
		}
		// Both bounds are more than four standard deviations away.
		mean := len(all) / total
		for shard, size := range sizes {
			if size < mean/3 || size > 2*mean {
				t.Errorf("of %d shards, shard %d: want about %d accounts, have %d", total, shard, mean, size)
			}
		}
		if total > 1 && (moved == 0 || moved > 2*mean) {
			t.Errorf("with shard %d added: want about %d accounts to move, have %d", total-1, mean, moved)
		}
		before = have
	}
}

// TestShardByNameAlone: neither the order nor anything else of an account or of
// its neighbours matters.
func TestShardByNameAlone(t *testing.T) {
	first := shards(t, accounts(t, "a", "b", "c", "d", "e", "f"), 3)
	second := shards(t, accounts(t, "f", "x", "e", "d", "y", "c", "b", "a"), 3)
	for name, shard := range first {
		if second[name] != shard {
			t.Errorf("%s: have shard %d, and %d in another file", name, shard, second[name])
		}
	}
}

func TestShardKeepsTheRest(t *testing.T) {
	c := accounts(t, "a", "b", "c", "d", "e", "f")
	whole := c.String()
	part := c.Shard(2, 3)
	if have := names(part); strings.Join(have, "") != "aef" { // in the file's order
		t.Errorf("want accounts a, e and f, have %q", have)
	}
	if part.MaxAge() != c.MaxAge() || part.Rollover() != c.Rollover() || part.API() != c.API() ||
		fmt.Sprint(part.Accounts()[0].Collectors) != fmt.Sprint(c.Accounts()[0].Collectors) {
		t.Errorf("the rest is not the same: %s", part)
	}
	if have := names(c); len(have) != 6 || c.String() != whole {
		t.Errorf("want the configuration itself unchanged, have accounts %q", have)
	}
	if have := names(part.Shard(0, 1)); len(have) != 6 {
		t.Errorf("want all the accounts in a single shard, have %q", have)
	}
	part.Accounts()[0].Name = "changed"
	if have := names(part); have[0] != "a" {
		t.Errorf("a change of what Accounts returned shows: %q", have)
	}
	for _, x := range []struct {
		c    *config.Config
		want string
	}{{c, "0 1"}, {part, "2 3"}, {c.Shard(0, 1), "0 1"}} {
		if have := strings.TrimSpace(fmt.Sprintln(x.c.Sharding())); have != x.want {
			t.Errorf("Sharding: want %s, have %s", x.want, have)
		}
	}
}

func TestEmptyShard(t *testing.T) {
	c := accounts(t, "a").Shard(0, 2) // which is in shard 1
	if have := names(c); len(have) != 0 {
		t.Errorf("want no account, have %q", have)
	}
	if err := c.CheckFiles(); err != nil {
		t.Error(err)
	}
}

// TestShardChecksAllFiles: a missing file is a fault at its own line in every
// shard.
func TestShardChecksAllFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.yml")
	if err := os.WriteFile(file, []byte(`accounts:
- {name: a, account_sid: AC00000000000000000000000000000001, basic_auth: {username: u, password: p}}
- {name: b, account_sid: AC00000000000000000000000000000002, basic_auth: {username: u, password_file: absent}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for shard := range 3 {
		err := c.Shard(shard, 3).CheckFiles()
		if want := file + ":3: accounts[1].basic_auth.password_file: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("shard %d: want %q, have %v", shard, want, err)
		}
	}
}
