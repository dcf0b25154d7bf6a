package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// twoAccounts is a file of two accounts, of which the first has collectors of its
// own.
func twoAccounts(own, top string) string {
	return `accounts:
- name: own
  account_sid: AC0123456789abcdef0123456789abcdef
  basic_auth: {username: SK1, password_file: secret}
  collectors: ` + own + `
- name: inherits
  account_sid: AC0123456789abcdef0123456789abcdef
  basic_auth: {username: SK1, password_file: secret}
` + top
}

// other is YAML of another value than the one of a leaf that no rule of one option
// alone forbids, and the value.
func other(t *testing.T, path string, leaf reflect.Value) (string, any) {
	t.Helper()
	switch {
	case strings.HasSuffix(path, "filter.network"):
		network := "HW" + strings.Repeat("0", 32)
		return network, network
	case strings.HasSuffix(path, "filter.iso_country"):
		return "SE", "SE"
	}
	switch x := leaf.Interface().(type) {
	case bool:
		return map[bool]string{true: "false", false: "true"}[x], !x
	case time.Duration:
		return (x + time.Second).String(), x + time.Second
	case int:
		return "77", 77
	case float64:
		return "0.75", 0.75
	case string:
		return "other", "other"
	case []string:
		return "[fleet]", []string{"fleet"}
	}
	t.Fatalf("%s: a leaf of type %s", path, leaf.Type())
	return "", nil
}

// eachLeaf calls f for each option, by its path below collectors.
func eachLeaf(c *Collectors, f func(path []string, leaf reflect.Value)) {
	var walk func(path []string, v reflect.Value)
	walk = func(path []string, v reflect.Value) {
		if v.Kind() != reflect.Struct {
			f(path, v)
			return
		}
		fields, _ := strictyaml.Fields(v.Type())
		for _, field := range fields {
			walk(append(path[:len(path):len(path)], field.Key), v.FieldByIndex(field.Index))
		}
	}
	walk(nil, reflect.ValueOf(c).Elem())
}

// TestAccountCollectors: each option of an account goes before that of the top level,
// alone: it changes nothing else, of the account or of another one, wherever in the
// file the top level's options stand.
func TestAccountCollectors(t *testing.T) {
	const top = "collectors: {supersim_usage: {groups: [sim, network], filter: {sim: S}, settle: {usage: 3h, cost: 30h}}, account_usage: {categories: [sms]}, supersim_inventory: {iccid: true}}\nmax_age: 9h\n"
	plain, err := Parse("file", []byte(twoAccounts("{}", top)))
	if err != nil {
		t.Fatal(err)
	}
	inherited := plain.Accounts()[1].Collectors
	if have := plain.Accounts()[0].Collectors; !reflect.DeepEqual(have, inherited) || have.SuperSIMUsage.Filter.Sim != "S" {
		t.Fatalf("want the options of the top level, have %+v", have)
	}
	n := 0
	eachLeaf(new(Collectors), func(path []string, _ reflect.Value) {
		n++
		name := strings.Join(path, ".")
		want := inherited
		var own string
		eachLeaf(&want, func(p []string, leaf reflect.Value) {
			if strings.Join(p, ".") == name {
				var value any
				own, value = other(t, name, leaf)
				leaf.Set(reflect.ValueOf(value))
			}
		})
		file := twoAccounts("{"+strings.Join(path, ": {")+": "+own+strings.Repeat("}", len(path)), top)
		for where, content := range map[string]string{"below": file, "above": top + strings.TrimSuffix(file, top)} {
			c, err := Parse("file", []byte(content))
			if err != nil {
				t.Errorf("%s %s: %v", name, where, err)
				continue
			}
			if have := c.Accounts()[0].Collectors; !reflect.DeepEqual(have, want) {
				t.Errorf("%s %s: want %+v, have %+v", name, where, want, have)
			}
			if have := c.Accounts()[1].Collectors; !reflect.DeepEqual(have, inherited) {
				t.Errorf("%s %s: another account has %+v", name, where, have)
			}
			again, err := Parse("dump", []byte(c.String()))
			if err != nil {
				t.Errorf("%s: the dump does not parse: %v\n%s", name, err, c)
				continue
			}
			for i, a := range again.Accounts() {
				if want := c.Accounts()[i].Collectors; !reflect.DeepEqual(a.Collectors, want) {
					t.Errorf("%s: account %s after the dump: want %+v, have %+v", name, a.Name, want, a.Collectors)
				}
			}
		}
	})
	if n < 20 {
		t.Errorf("%d options", n)
	}
}

// TestAccountCollectorsFaults: what holds for an account must not contradict itself. A
// fault is the account's where its own key decides, and else the top level's.
func TestAccountCollectorsFaults(t *testing.T) {
	const own, top = "file:5: accounts[0].collectors.", "file:9: collectors."
	for _, x := range []struct{ own, top, want string }{
		{"{supersim_usage: {interval: 2h}}", "", own + "supersim_usage.interval: must be at most half of max_age, which is 3h by default"},
		{"{supersim_usage: {interval: 2h}}", "max_age: 3h", own + "supersim_usage.interval: must be at most half of max_age"},
		{"{supersim_usage: {interval: 2h}}", "max_age: 4h", ""},
		{"{supersim_usage: {enabled: false, interval: 2h}}", "", ""},
		// Every account that has the options of the top level has the fault, which is one.
		{"{account_balance: {interval: 1h}}", "collectors: {supersim_usage: {interval: 2h}}", top + "supersim_usage.interval: must be at most half of max_age, which is 3h by default"},
		{"{account_balance: {interval: 1m}}", "max_age: 119m\ncollectors: {supersim_inventory: {interval: 1m}, account_usage: {interval: 1m}}",
			"file:9: max_age: must be at least twice collectors.account_balance.interval, which is 1h by default"},
		{"{supersim_data_limits: {enabled: true}}", "collectors: {supersim_data_limits: {interval: 2h}}",
			own + "supersim_data_limits.enabled: needs collectors.supersim_data_limits.interval of at most half of max_age, which is 3h by default"},

		{"{supersim_usage: {settle: {cost: 1h}}}", "", own + "supersim_usage.settle.cost: must not be shorter than settle.usage"},
		{"{supersim_usage: {settle: {usage: 2d}}}", "", own + "supersim_usage.settle.usage: must not be longer than settle.cost, which is 1d by default"},
		{"{supersim_usage: {settle: {usage: 2d}}}", "collectors: {supersim_usage: {settle: {cost: 36h}}}",
			own + "supersim_usage.settle.usage: must not be longer than collectors.supersim_usage.settle.cost"},
		{"{supersim_usage: {settle: {usage: 2d, cost: 1d}}}", "", own + "supersim_usage.settle.cost: must not be shorter than settle.usage"},
		{"{supersim_usage: {settle: {cost: 3h}}}", "collectors: {supersim_usage: {settle: {usage: 4h}}}", own + "supersim_usage.settle.cost: must not be shorter than settle.usage"},
		{"{supersim_usage: {settle: {usage: 2d, cost: 2d}}}", "", ""},

		{"{supersim_inventory: {enabled: false}}", "", ""},
		{"{supersim_inventory: {enabled: false}, supersim_data_limits: {enabled: true}}", "", own + "supersim_data_limits.enabled: needs accounts[0].collectors.supersim_inventory.enabled"},
		{"{supersim_data_limits: {enabled: true}}", "collectors: {supersim_inventory: {enabled: false}}", own + "supersim_data_limits.enabled: needs collectors.supersim_inventory.enabled"},
		{"{supersim_inventory: {enabled: false}}", "collectors: {supersim_data_limits: {enabled: true}}", own + "supersim_inventory.enabled: must be true, because collectors.supersim_data_limits.enabled is"},
		{"{supersim_inventory: {enabled: true}}", "collectors: {supersim_inventory: {enabled: false}, supersim_data_limits: {enabled: true}}", top + "supersim_data_limits.enabled: needs collectors.supersim_inventory.enabled"},

		// The value of the top level is no second fault of a key that is invalid.
		{"{supersim_usage: {interval: no, groups: x, settle: {usage: 3d, costs: 1d}}}", "collectors: {supersim_usage: {interval: 0s, groups: []}}",
			own + "supersim_usage.interval: must be a duration such as 30s, 15m, 2h or 1d\n" +
				own + "supersim_usage.groups: must be a list\n" +
				own + "supersim_usage.settle.costs: unknown key; did you mean cost?\n" +
				top + "supersim_usage.groups: must name at least one of account, sim, fleet, network, country, sim_network\n" +
				top + "supersim_usage.interval: must be 1s or more"},
		{"", "", "file:5: accounts[0].collectors: no value is given"},
		{"[]", "", "file:5: accounts[0].collectors: must be a mapping of keys to values"},
		{"{supersim_usage: {filter: {fleet: }}}", "", own + "supersim_usage.filter.fleet: no value is given"},
	} {
		have := ""
		if _, err := Parse("file", []byte(twoAccounts(x.own, x.top))); err != nil {
			have = err.Error()
		}
		if have != x.want {
			t.Errorf("%s with %s:\nwant %s\nhave %s", x.own, x.top, x.want, have)
		}
	}
}

// TestOverriddenContradiction: options of the top level that no account has like that
// contradict nothing.
func TestOverriddenContradiction(t *testing.T) {
	const top = "collectors: {supersim_usage: {interval: 2h, settle: {cost: 1h}}}\n"
	file, _, _ := strings.Cut(twoAccounts("{supersim_usage: {interval: 1h, settle: {usage: 1h}}}", ""), "- name: inherits")
	if _, err := Parse("file", []byte(file+top)); err != nil {
		t.Error(err)
	}
	if _, err := Parse("file", []byte("accounts: []\n"+top)); err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("without accounts, want all faults at once, have %v", err)
	}
}

// TestExampleForAnAccount: what the example says of an account's own options is valid,
// and changes what it names.
func TestExampleForAnAccount(t *testing.T) {
	content, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), "    # collectors:")
	commented, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("it does not show them")
	}
	own := "    collectors:" + strings.ReplaceAll(commented, "\n    # ", "\n    ")
	c, err := Parse("example", []byte(before+own+"\n\n"+after))
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(c.Accounts()[0].Collectors, defaults().Collectors) {
		t.Error("it changes nothing")
	}
}
