package config

import (
	"fmt"
	"testing"
)

func TestSelector(t *testing.T) {
	const sid, other = "AC00000000000000000000000000000001", "AC00000000000000000000000000000002"
	for _, x := range []struct {
		include, exclude []string
		want             string // of the accounts below
	}{
		{nil, nil, "1111"},
		{[]string{"Meters"}, nil, "1000"},
		{[]string{"Meters.*"}, nil, "1100"},
		{[]string{"Mete"}, nil, "0000"},
		{[]string{"eters"}, nil, "0000"},
		{[]string{"Meters|Test"}, nil, "1010"},
		{[]string{sid}, nil, "1000"},
		{[]string{"AC0+1"}, nil, "1000"},
		{[]string{""}, nil, "0001"},
		{nil, []string{"Meters.*"}, "0011"},
		{nil, []string{other, "Test"}, "1001"},
		{[]string{"Meters.*"}, []string{sid}, "0100"},
		{[]string{sid, "Test"}, []string{"(?i)TEST"}, "1000"},
	} {
		selects := Subaccounts{Include: x.include, Exclude: x.exclude}.Selector()
		have := ""
		for _, account := range [][2]string{{sid, "Meters"}, {other, "Meters in Kiel"}, {"AC00000000000000000000000000000003", "Test"}, {"AC00000000000000000000000000000004", ""}} {
			if selects(account[0], account[1]) {
				have += "1"
			} else {
				have += "0"
			}
		}
		if have != x.want {
			t.Errorf("include %q, exclude %q: want %s, have %s", x.include, x.exclude, x.want, have)
		}
	}
}

// A subaccount has its parent's credentials, and no subaccounts. Each name belongs to
// one shard, in the file or not.
func TestSubaccount(t *testing.T) {
	c, err := Parse("file", []byte(minimal+"    subaccounts: {enabled: true}\n    name: parent\n"))
	if err != nil {
		t.Fatal(err)
	}
	parent := c.AllAccounts()[0]
	child := parent.Subaccount("parent/x", "AC00000000000000000000000000000001")
	if child.Name != "parent/x" || child.AccountSID != "AC00000000000000000000000000000001" || child.Subaccounts.Enabled ||
		child.HTTPClient.BasicAuth != parent.HTTPClient.BasicAuth || child.APIURL != parent.APIURL || !parent.Subaccounts.Enabled {
		t.Errorf("have %s of %s", child, parent)
	}
	// Only its account usage can be had, and neither asks for that of the other.
	if on := child.Collectors; !on.AccountUsage.Enabled || on.AccountUsage.IncludeSubaccounts || on.AccountUsage.Settle != parent.Collectors.AccountUsage.Settle ||
		on.SuperSIMUsage.Enabled || on.SuperSIMInventory.Enabled || on.AccountBalance.Enabled || on.SuperSIMDataLimits.Enabled {
		t.Errorf("have %+v", on)
	}
	if on := parent.Collectors; on.AccountUsage.IncludeSubaccounts || !on.SuperSIMUsage.Enabled {
		t.Errorf("have %+v", on)
	}
	for n := range 100 {
		name, shards := fmt.Sprint("parent/", n), 0
		for i := range 7 {
			shard := c.Shard(i, 7)
			if shard.Serves(name) {
				shards++
			}
			if len(shard.AllAccounts()) != 1 || (len(shard.Accounts()) == 1) != shard.Serves("parent") {
				t.Errorf("shard %d: have %v", i, shard.Accounts())
			}
		}
		if shards != 1 {
			t.Errorf("%s is in %d shards", name, shards)
		}
	}
}
