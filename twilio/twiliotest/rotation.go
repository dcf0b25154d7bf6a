package twiliotest

// Rotate makes an account's secret another one: the auth token, the key's secret where
// the account has a key, or the client's secret at KORE. The secret before is refused
// from now on. Access tokens stay valid.
func (s *Simulator) Rotate(accountSID, secret string) {
	w := s.world(accountSID)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.account.Provider == KORE:
		w.account.ClientSecret = secret
	case w.account.KeySID != "":
		w.account.KeySecret = secret
	default:
		w.account.AuthToken = secret
	}
}

// Fired counts, by kind, how often the faults have occurred that were injected since
// ClearFaults was last called.
func (s *Simulator) Fired() map[FaultKind]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	fired := make(map[FaultKind]int)
	for _, f := range s.faults {
		fired[f.Kind] += f.fired
	}
	return fired
}

// isSecret reports whether a client's secret is the one that is accepted now.
func (s *Simulator) isSecret(client *world, secret string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return secret != "" && secret == client.account.ClientSecret
}
