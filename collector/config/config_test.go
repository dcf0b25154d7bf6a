package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

const (
	example = "../../config.example.yml"
	minimal = `accounts:
  - account_sid: AC0123456789abcdef0123456789abcdef
    basic_auth: {username: SK1, password_file: secret}
`
)

func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d good files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), content)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yml")+".txt", c.String())
			for name, other := range map[string][]byte{
				"CRLF":       bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n")),
				"BOM":        append([]byte("\xef\xbb\xbf"), content...),
				"the dump":   []byte(c.String()),
				"a last ...": append(content, "...\n"...),
			} {
				again, err := Parse(name, other)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				} else if have := again.String(); have != c.String() {
					t.Errorf("%s: want\n%s\nhave\n%s", name, c, have)
				}
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	c, err := Parse("file", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := Collectors{
		SuperSIMUsage: SuperSIMUsage{
			Schedule: Schedule{true, 15 * time.Minute}, HourDelay: time.Hour,
			Groups: []string{"account", "sim", "fleet", "network", "country"},
			Settle: Settle{Usage: 2 * time.Hour, Cost: 24 * time.Hour},
		},
		SuperSIMInventory: SuperSIMInventory{Schedule: Schedule{true, time.Hour}},
		AccountUsage: AccountUsage{
			Schedule: Schedule{true, time.Hour}, IncludeSubaccounts: true, Categories: []string{}, Settle: 24 * time.Hour,
		},
		AccountBalance:     AccountBalance{Schedule{true, time.Hour}},
		SuperSIMDataLimits: SuperSIMDataLimits{Schedule: Schedule{false, time.Hour}, WatchFrom: 0.5, MaxRequests: 1000},
	}
	if have := c.Accounts()[0].Collectors; !reflect.DeepEqual(want, have) {
		t.Errorf("collectors: want %+v, have %+v", want, have)
	}
	if want, have := (API{30 * time.Second, 5, 2, 2000000, 0}), c.API(); want != have {
		t.Errorf("api: want %+v, have %+v", want, have)
	}
	if have := c.Storage(); have != (Storage{}) {
		t.Errorf("storage: want none, have %+v", have)
	}
	if want, have := 15*time.Minute, c.Rollover(); want != have {
		t.Errorf("rollover: want %s, have %s", want, have)
	}
	if want, have := 3*time.Hour, c.MaxAge(); want != have {
		t.Errorf("max_age: want %s, have %s", want, have)
	}
	a := c.Accounts()[0]
	want2 := `"AC0123456789abcdef0123456789abcdef"|"twilio"|"AC0123456789abcdef0123456789abcdef"|"https://supersim.twilio.com"|"https://api.twilio.com"`
	if have := a.Identity(); have != want2 {
		t.Errorf("identity: want %s, have %s", want2, have)
	}
	if !a.HTTPClient.FollowRedirects || !a.HTTPClient.EnableHTTP2 {
		t.Error("the HTTP client has not the defaults of its library")
	}
}

func TestKOREDefaults(t *testing.T) {
	c, err := Load("testdata/good/kore.yml")
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts()[0]
	if want, have := "https://supersim.api.korewireless.com", a.SuperSIMURL; want != have {
		t.Errorf("supersim_url: want %s, have %s", want, have)
	}
	if want, have := "https://api.korewireless.com/api-services/v1/auth/token", a.HTTPClient.OAuth2.TokenURL; want != have {
		t.Errorf("token_url: want %s, have %s", want, have)
	}
	if a.APIURL != "" || a.AccountSID != "" {
		t.Errorf("want no api_url and no account_sid, have %s", a)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	c, err := Parse("file", []byte(`accounts:
  - name: one
    account_sid: AC0123456789abcdef0123456789abcdef
    authorization: {credentials: 007}
    supersim_url: http://localhost:8080/
    api_url: http://[::1]:8081
    subaccounts: {enabled: true, include: [a, b.*], exclude: [c]}
    proxy_url: socks5://user:password@proxy
    tls_config: {min_version: TLS12, server_name: x}
    http_headers: {X-A: {values: [b, "1"]}}
collectors:
  supersim_usage:
    enabled: false
    interval: 1m30s
    groups: [sim]
    filter: {sim: S, fleet: F, network: HW0123456789abcdef0123456789abcdef, iso_country: SE}
    hour_delay: 0
    settle: {usage: 0, cost: 0}
  supersim_inventory: {enabled: false, interval: 1d, iccid: true}
  account_usage: {enabled: false, interval: 1w, include_subaccounts: false, categories: [sms], settle: 365d}
  account_balance: {enabled: False, interval: 1s}
  supersim_data_limits: {enabled: false, interval: 2s, watch_from: 1, max_requests: 2}
rollover: 7d
max_age: 8d
api: {timeout: 1h, max_retries: 0, max_concurrency: 0x10, max_records: 1, max_requests_per_hour: 7}
storage: {path: states}
`))
	if err != nil {
		t.Fatal(err)
	}
	day := 24 * time.Hour
	want := values{
		Collectors: Collectors{
			SuperSIMUsage: SuperSIMUsage{
				Schedule: Schedule{Interval: 90 * time.Second}, Groups: []string{"sim"},
				Filter: Filter{"S", "F", "HW0123456789abcdef0123456789abcdef", "SE"},
			},
			SuperSIMInventory:  SuperSIMInventory{Schedule{Interval: day}, true},
			AccountUsage:       AccountUsage{Schedule: Schedule{Interval: 7 * day}, Categories: []string{"sms"}, Settle: 365 * day},
			AccountBalance:     AccountBalance{Schedule{Interval: time.Second}},
			SuperSIMDataLimits: SuperSIMDataLimits{Schedule{Interval: 2 * time.Second}, 1, 2},
		},
		Rollover: 7 * day,
		MaxAge:   8 * day,
		API:      API{time.Hour, 0, 16, 1, 7},
		Storage:  Storage{Path: "states"},
		Accounts: []Account{{
			Name: "one", Provider: twilio.ProviderTwilio, AccountSID: "AC0123456789abcdef0123456789abcdef",
			SuperSIMURL: "http://localhost:8080", APIURL: "http://[::1]:8081",
			Subaccounts: Subaccounts{true, []string{"a", "b.*"}, []string{"c"}},
			HTTPClient: promconfig.HTTPClientConfig{
				FollowRedirects: true, EnableHTTP2: true,
				Authorization: &promconfig.Authorization{Type: "Bearer", Credentials: "007"},
				TLSConfig:     promconfig.TLSConfig{MinVersion: promconfig.TLSVersions["TLS12"], ServerName: "x"},
				ProxyConfig: promconfig.ProxyConfig{ProxyURL: promconfig.URL{
					URL: &url.URL{Scheme: "socks5", Host: "proxy", User: url.UserPassword("user", "password")},
				}},
				HTTPHeaders: &promconfig.Headers{Headers: map[string]promconfig.Header{"X-A": {Values: []string{"b", "1"}}}},
			},
		}},
	}
	want.Accounts[0].Collectors = want.Collectors
	if !reflect.DeepEqual(want.Collectors, c.Accounts()[0].Collectors) {
		t.Errorf("collectors: want %+v, have %+v", want.Collectors, c.Accounts()[0].Collectors)
	}
	if !reflect.DeepEqual(want, c.values) {
		t.Errorf("want\n%s\nhave\n%s", &Config{values: want}, c)
	}
}

func TestExample(t *testing.T) {
	c, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	account := newAccount(defaults().Collectors)
	account.Name, account.AccountSID = "production", "AC00000000000000000000000000000000"
	account.HTTPClient.BasicAuth = &promconfig.BasicAuth{
		Username: "SK00000000000000000000000000000000", PasswordFile: "/run/secrets/twilio",
	}
	account.complete()
	want := defaults()
	want.Accounts = []Account{account}
	if !reflect.DeepEqual(want, c.values) {
		t.Errorf("not the defaults: want\n%s\nhave\n%s", &Config{values: want}, c)
	}

	content, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range leaves(reflect.TypeFor[values](), nil) {
		for _, key := range path {
			ours := path[0] != "accounts" || len(path) == 3 // the rest is prometheus/common's
			if ours && key != "[]" && !regexp.MustCompile(`\b`+key+`:`).Match(content) && !strings.HasPrefix(key, "bearer_token") {
				t.Errorf("it lacks %s of %s", key, strings.Join(path, "."))
			}
		}
	}
	for number, line := range strings.Split(string(content), "\n") {
		if strings.TrimRight(line, " \t") != line || strings.Contains(line, "\t") {
			t.Errorf("line %d has a tab or ends in a blank", number+1)
		}
	}
}

func TestExampleForKORE(t *testing.T) {
	content, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(content), "  # - name: kore\n")
	account, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("the account is not there")
	}
	account = "\n  - name: kore\n" + strings.ReplaceAll("\n"+account, "\n  # ", "\n  ")
	c, err := Parse("example", []byte(before+account+"\n\n"+after))
	if err != nil {
		t.Fatal(err)
	}
	have := c.Accounts()[1]
	want := Account{Name: "kore", Provider: twilio.ProviderKORE, HTTPClient: have.HTTPClient}
	want.complete()
	if have.Identity() != want.Identity() {
		t.Errorf("want %s, have %s", want, have)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	content := `accounts:
  - name: a
    provider: kore
    oauth2:
      client_id: id
      client_secret_file: secret
      client_certificate_key_file: key
      tls_config: {ca_file: /absolute}
    http_headers: {X-A: {files: [header]}}
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	client := c.Accounts()[0].HTTPClient
	want := []string{filepath.Join(dir, "secret"), filepath.Join(dir, "key"), "/absolute", filepath.Join(dir, "header")}
	have := []string{
		client.OAuth2.ClientSecretFile, client.OAuth2.ClientCertificateKeyFile, client.OAuth2.TLSConfig.CAFile,
		client.HTTPHeaders.Headers["X-A"].Files[0],
	}
	if !reflect.DeepEqual(want, have) {
		t.Errorf("want %v, have %v", want, have)
	}

	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		filepath.Join(dir, "none"): "cannot be read: it does not exist",
		dir:                        "cannot be read: not a regular file",
		empty:                      "the file is empty",
	} {
		if _, err := Load(name); err == nil || err.Error() != name+": "+want {
			t.Errorf("want %s: %s, have %v", name, want, err)
		}
	}
}

// full is a configuration with something in every field, which no file could
// give it: everything that is a secret holds canary.
func full(t *testing.T) *Config {
	t.Helper()
	c := &Config{}
	fill(reflect.ValueOf(&c.values).Elem(), "")
	return c
}

func fill(v reflect.Value, key string) {
	if u, ok := v.Addr().Interface().(*promconfig.URL); ok {
		u.URL = &url.URL{Scheme: "http", Host: "proxy", User: url.UserPassword("canary-user", "canary")}
		return
	}
	if version, ok := v.Addr().Interface().(*promconfig.TLSVersion); ok {
		*version = promconfig.TLSVersions["TLS13"]
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), key)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
				fill(v.Field(i), name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), key)
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, key)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("X-Any"), element)
	case reflect.Interface:
		v.Set(reflect.ValueOf([]any{"canary"}))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.String:
		v.SetString("shown")
		if v.Type() == reflect.TypeFor[promconfig.Secret]() || key == "endpoint_params" {
			v.SetString("canary")
		}
	default:
		v.SetInt(int64(time.Hour))
	}
}

// everything is all that v leads to, secrets included.
func everything(v any) string {
	content, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

func TestDumpsHoldNoSecrets(t *testing.T) {
	promconfig.MarshalSecretValue = true
	defer func() { promconfig.MarshalSecretValue = false }()
	c := full(t)
	if plain := everything(c.values); strings.Count(plain, "canary") < 15 {
		t.Fatalf("few canaries: %s", plain)
	}
	account := c.Accounts()[0]
	for name, text := range map[string]string{
		"String": c.String(),
		"%v":     fmt.Sprintf("%v %v", c, account), "%+v": fmt.Sprintf("%+v %+v", c, account),
		"%#v": fmt.Sprintf("%#v %#v", c, account), "%s": fmt.Sprintf("%s %s", c, account),
		"identity": account.Identity(), "%+v of a list": fmt.Sprintf("%+v %#v", c.Accounts(), c.Accounts()),
	} {
		if strings.Contains(text, "canary") {
			t.Errorf("%s shows a secret:\n%s", name, text)
		}
		if name == "String" && strings.Count(text, hidden) < 12 {
			t.Errorf("%s lacks some secret:\n%s", name, text)
		}
	}
}
