package config

import (
	"strings"
	"testing"

	promconfig "github.com/prometheus/common/config"
)

func TestFromEnvironment(t *testing.T) {
	const sid = "AC0123456789abcdef0123456789abcdef"
	const none = "environment: TWILIO_ACCOUNT_SID: no account is configured: name a file with --config.file, " +
		"or set TWILIO_ACCOUNT_SID and either TWILIO_AUTH_TOKEN or both TWILIO_API_KEY and TWILIO_API_SECRET; --demo runs without an account"
	for name, test := range map[string]struct {
		variables            map[string]string
		user, password, want string
	}{
		"nothing": {want: none},
		"empty": {
			variables: map[string]string{envAccountSID: "", envAuthToken: " "},
			want:      none,
		},
		"token": {
			variables: map[string]string{envAccountSID: sid, envAuthToken: "hunter2\n", envAPIKey: "", envAPISecret: ""},
			user:      sid, password: "hunter2",
		},
		"key": {
			variables: map[string]string{envAccountSID: sid, envAPIKey: "SK1", envAPISecret: "hunter2"},
			user:      "SK1", password: "hunter2",
		},
		"token and key": {
			variables: map[string]string{envAccountSID: sid, envAuthToken: "token", envAPIKey: "SK1", envAPISecret: "hunter2"},
			user:      "SK1", password: "hunter2",
		},
		"no sid": {
			variables: map[string]string{envAuthToken: "hunter2"},
			want:      "environment: TWILIO_ACCOUNT_SID: not set",
		},
		"sid only": {
			variables: map[string]string{envAccountSID: sid},
			want:      "environment: TWILIO_AUTH_TOKEN: not set, and neither are TWILIO_API_KEY and TWILIO_API_SECRET, which can replace it",
		},
		"half a key": {
			variables: map[string]string{envAccountSID: sid, envAuthToken: "token", envAPIKey: "hunter2"},
			want:      "environment: TWILIO_API_SECRET: not set, although TWILIO_API_KEY is",
		},
		"the other half, and a bad sid": {
			variables: map[string]string{envAccountSID: "hunter2", envAPISecret: "hunter2"},
			want: "environment: TWILIO_ACCOUNT_SID: must be AC and 32 hexadecimal digits\n" +
				"environment: TWILIO_API_KEY: not set, although TWILIO_API_SECRET is",
		},
		"key and secret in one": {
			variables: map[string]string{envAccountSID: sid, envAPIKey: "SK1:hunter2", envAPISecret: "hunter2"},
			want:      "environment: TWILIO_API_KEY: must not contain a colon",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := FromEnvironment(func(name string) (string, bool) {
				value, ok := test.variables[name]
				return value, ok
			})
			if test.want != "" {
				if c != nil || err == nil || err.Error() != test.want {
					t.Fatalf("want\n%s\nhave\n%v", test.want, err)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Error("a value shows")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			a := c.Accounts()[0]
			want := promconfig.BasicAuth{Username: test.user, Password: promconfig.Secret(test.password)}
			if have := *a.HTTPClient.BasicAuth; have != want {
				t.Errorf("want %v, have %v", want, have)
			}
			if a.Name != sid || a.APIURL != "https://api.twilio.com" || !a.HTTPClient.FollowRedirects {
				t.Errorf("the defaults are not there: %s", a)
			}
			if err := a.HTTPClient.Validate(); err != nil {
				t.Error(err)
			}
			if err := c.CheckFiles(); err != nil {
				t.Errorf("there are no files to check: %v", err)
			}
			if strings.Contains(c.String(), "hunter2") {
				t.Error("a secret shows")
			}
		})
	}
}
