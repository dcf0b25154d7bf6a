package twiliotest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// token is an access token that was given out.
type token struct {
	world   *world
	expires time.Time
	revoked bool
}

// tokens are KORE's access tokens.
type tokens struct {
	valid    map[string]token
	given    int
	inFlight int
	highest  int
}

// forgetToken is how long an expired token is still told from an unknown one.
const forgetToken = 24 * time.Hour

// bearer finds the account of an access token. KORE responds with 401 to a token that it
// does not know and 403 to one that has expired.
func (s *Simulator) bearer(q *request, value string) (*world, *response) {
	s.mu.Lock()
	t, ok := s.tokens.valid[value]
	s.mu.Unlock()
	switch {
	case !ok || t.revoked:
		return nil, unauthenticated(KORE)
	case !q.now.Before(t.expires):
		return nil, gateway(http.StatusForbidden, "expired_token", "The access token is past its time")
	}
	return t.world, nil
}

// issueToken serves the token endpoint: the client credentials grant of RFC 6749,
// with the credentials in the form and nowhere else.
func (s *Simulator) issueToken(q *request) *response {
	s.mu.Lock()
	s.tokens.inFlight++
	s.tokens.highest = max(s.tokens.highest, s.tokens.inFlight)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.tokens.inFlight--
		s.mu.Unlock()
	}()

	form, refusal := tokenForm(q.http)
	if refusal != nil {
		return refusal
	}
	var client *world
	for _, w := range s.order {
		if w.account.Provider == KORE && w.account.ClientID != "" && w.account.ClientID == form.Get("client_id") {
			client = w
		}
	}
	if !wait(q.ctx, s.options.Latency) {
		return &response{abort: true}
	}
	sid := ""
	if client != nil {
		sid = client.account.SID
		q.record.Account = sid
	}
	active := s.active(sid, q)
	if a := s.misbehave(q, active); a != nil {
		return a
	}
	if client == nil || !s.isSecret(client, form.Get("client_secret")) {
		return invalidClient("No client has these credentials")
	}
	return distort(s.grant(client, q), active, q)
}

// tokenForm reads and checks the form.
func tokenForm(r *http.Request) (url.Values, *response) {
	if r.Header.Get("Authorization") != "" {
		return nil, invalidClient("Credentials belong in the form, not in a header")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, oauthError(http.StatusBadRequest, "invalid_request", "The body has to be a form")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return nil, oauthError(http.StatusBadRequest, "invalid_request", "The body cannot be read")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.URL.RawQuery != "" {
		return nil, oauthError(http.StatusBadRequest, "invalid_request", "The form cannot be read, or is in the URL")
	}
	r.PostForm = form // for EchoCredentials
	for name, values := range form {
		if len(values) != 1 {
			return nil, oauthError(http.StatusBadRequest, "invalid_request", name+" comes more than once")
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		return nil, oauthError(http.StatusBadRequest, "unsupported_grant_type", "Only client_credentials is served")
	}
	return form, nil
}

func (s *Simulator) grant(client *world, q *request) *response {
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, t := range s.tokens.valid {
		if q.now.Sub(t.expires) > forgetToken {
			delete(s.tokens.valid, value)
		}
	}
	s.tokens.given++
	h := hashString(client.account.Seed, client.account.ClientSecret)
	value := hex32(hash(h, q.number)) + hex32(hash(h^'T', q.number))
	s.tokens.valid[value] = token{world: client, expires: q.now.Add(s.options.TokenLifetime)}
	return success(struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		TokenType   string `json:"token_type"`
		Scope       string `json:"scope"`
	}{value, int64(s.options.TokenLifetime / time.Second), "Bearer", "supersim"})
}

func oauthError(status int, kind, description string) *response {
	return &response{status: status, body: encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{kind, description})}
}

func invalidClient(description string) *response {
	return oauthError(http.StatusUnauthorized, "invalid_client", description)
}

// RevokeTokens makes every token given so far get 401.
func (s *Simulator) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, t := range s.tokens.valid {
		t.revoked = true
		s.tokens.valid[value] = t
	}
}

// Tokens is how many access tokens were given out.
func (s *Simulator) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.given
}

// MaxTokenConcurrency is the highest number of token requests at one time.
func (s *Simulator) MaxTokenConcurrency() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.highest
}
