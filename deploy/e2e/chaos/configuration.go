package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A configuration is what a configuration file says.
type configuration struct {
	accounts map[string]*account // by the name that they have in it
	order    []string            // of the names
	interval time.Duration
	retries  int
}

// everything is the configuration at the start.
func everything(o options, accounts []*account) configuration {
	c := configuration{accounts: make(map[string]*account), interval: o.interval, retries: 2}
	for _, a := range accounts {
		c.accounts[a.name] = a
		c.order = append(c.order, a.name)
	}
	return c
}

// secretFile is where the exporter reads an account's secret.
func secretFile(directory string, a *account) string {
	return filepath.Join(directory, fmt.Sprintf("secret-%03d", a.index))
}

// text is the file's content.
func (c configuration) text(o options, directory string) string {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, name := range c.order {
		a := c.accounts[name]
		fmt.Fprintf(&b, "  - name: %s\n    provider: %s\n    supersim_url: %s\n", name, a.provider, a.simulator.url)
		switch a.provider {
		case "kore":
			if a.index%8 == 3 { // the others' SIDs are found in the inventory
				fmt.Fprintf(&b, "    account_sid: %s\n", a.sid)
			}
			fmt.Fprintf(&b, "    oauth2: {client_id: %s, client_secret_file: %s, token_url: %s/api-services/v1/auth/token}\n",
				a.user, secretFile(directory, a), a.simulator.url)
		default:
			fmt.Fprintf(&b, "    account_sid: %s\n    api_url: %s\n    basic_auth: {username: %s, password_file: %s}\n",
				a.sid, a.simulator.url, a.user, secretFile(directory, a))
		}
	}
	fmt.Fprintf(&b, `collectors:
  supersim_usage: {interval: %[1]s, hour_delay: %[2]s, settle: {usage: %[3]s, cost: %[3]s}}
  supersim_inventory: {interval: %[4]s}
  account_usage: {interval: %[4]s, settle: %[3]s}
  account_balance: {interval: %[4]s}
rollover: %[5]s
max_age: %[6]s
api: {timeout: 2s, max_retries: %[7]d}
`, duration(c.interval), duration(hourDelay), duration(settle), duration(2*c.interval), duration(o.rollover()), duration(o.maxAge()), c.retries)
	if o.storage {
		fmt.Fprintf(&b, "storage: {path: %s}\n", filepath.Join(directory, "state"))
	}
	return b.String()
}

// duration writes a duration as the configuration wants it.
func duration(d time.Duration) string { return fmt.Sprintf("%ds", int64(d.Seconds())) }

// replaceFile writes a file so that nobody sees a part of it.
func replaceFile(path, content string) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// A phase is a configuration and when it can have been in force.
type phase struct {
	configuration
	from    time.Time // when it could first be loaded
	settled time.Time // since when no configuration before it is in force; zero if it may be
}
