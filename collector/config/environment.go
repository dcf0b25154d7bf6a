package config

import (
	"regexp"
	"strings"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/collector/config/strictyaml"
)

// The variables, named as in Twilio's own tools.
const (
	envAccountSID = "TWILIO_ACCOUNT_SID"
	envAuthToken  = "TWILIO_AUTH_TOKEN"
	envAPIKey     = "TWILIO_API_KEY"
	envAPISecret  = "TWILIO_API_SECRET"
)

// FromEnvironment returns the configuration without a file: one Twilio account
// and the defaults. lookup is os.LookupEnv; an empty variable counts as not set.
// If both an auth token and an API key are set, the key is used. Requests take the
// proxy of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in upper or lower case, as
// http.ProxyFromEnvironment does. An error is of type strictyaml.Faults.
func FromEnvironment(lookup func(string) (string, bool)) (*Config, error) {
	get := func(name string) string {
		value, _ := lookup(name)
		return strings.TrimSpace(value)
	}
	sid, token, key, secret := get(envAccountSID), get(envAuthToken), get(envAPIKey), get(envAPISecret)

	document := strictyaml.NewDocument("environment")
	switch {
	case sid+token+key+secret == "":
		document.Addf(envAccountSID, "no account is configured: name a file with --config.file, or set %s and either %s or both %s and %s; --demo runs without an account",
			envAccountSID, envAuthToken, envAPIKey, envAPISecret)
		return nil, document.Err()
	case sid == "":
		document.Addf(envAccountSID, "not set")
	case !regexp.MustCompile(accountSID).MatchString(sid):
		document.Addf(envAccountSID, "must be %s", accountSIDMeaning)
	}
	user, password := key, secret
	switch {
	case key == "" && secret != "":
		document.Addf(envAPIKey, "not set, although %s is", envAPISecret)
	case key != "" && secret == "":
		document.Addf(envAPISecret, "not set, although %s is", envAPIKey)
	case key == "" && token == "":
		document.Addf(envAuthToken, "not set, and neither are %s and %s, which can replace it", envAPIKey, envAPISecret)
	case key == "":
		user, password = sid, token
	}
	if strings.Contains(key, ":") { // HTTP basic auth would cut the user there
		document.Addf(envAPIKey, "must not contain a colon")
	}
	if err := document.Err(); err != nil {
		return nil, err
	}
	v := defaults()
	account := newAccount(v.Collectors)
	account.AccountSID = sid
	account.HTTPClient.BasicAuth = &promconfig.BasicAuth{Username: user, Password: promconfig.Secret(password)}
	account.HTTPClient.ProxyFromEnvironment = true
	account.complete()
	v.Accounts = []Account{account}
	return &Config{document: document, values: v}, nil
}
