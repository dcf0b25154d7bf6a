package config

import (
	"regexp"
	"strings"

	promconfig "github.com/prometheus/common/config"
)

// The variables, named as Twilio's own tools name them.
const (
	envAccountSID = "TWILIO_ACCOUNT_SID"
	envAuthToken  = "TWILIO_AUTH_TOKEN"
	envAPIKey     = "TWILIO_API_KEY"
	envAPISecret  = "TWILIO_API_SECRET"
)

// FromEnvironment is the configuration without a file: one Twilio account and
// the defaults. lookup is os.LookupEnv; a variable that is empty counts as not
// set. Of an auth token and an API key, the key is used. An error is of type
// Faults.
func FromEnvironment(lookup func(string) (string, bool)) (*Config, error) {
	get := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	sid, token, key, secret := get(envAccountSID), get(envAuthToken), get(envAPIKey), get(envAPISecret)

	r := newReport("environment")
	switch {
	case sid+token+key+secret == "":
		r.add(envAccountSID, "no account is configured: name a file with --config.file, or set %s with %s, or with %s and %s; --demo runs without an account",
			envAccountSID, envAuthToken, envAPIKey, envAPISecret)
		return nil, r.err()
	case sid == "":
		r.add(envAccountSID, "not set")
	case !regexp.MustCompile(accountSID).MatchString(sid):
		r.add(envAccountSID, "must be %s", accountSIDMeaning)
	}
	user, password := key, secret
	switch {
	case key == "" && secret != "":
		r.add(envAPIKey, "not set, though %s is", envAPISecret)
	case key != "" && secret == "":
		r.add(envAPISecret, "not set, though %s is", envAPIKey)
	case key == "" && token == "":
		r.add(envAuthToken, "not set; %s and %s will do instead", envAPIKey, envAPISecret)
	case key == "":
		user, password = sid, token
	}
	if strings.Contains(key, ":") { // basic auth would cut the user there
		r.add(envAPIKey, "must hold no colon")
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	account := newAccount()
	account.AccountSID = sid
	account.HTTPClient.BasicAuth = &promconfig.BasicAuth{Username: user, Password: promconfig.Secret(password)}
	account.complete()
	v := defaults()
	v.Accounts = []Account{account}
	return &Config{name: r.file, lines: r.lines, values: v}, nil
}
