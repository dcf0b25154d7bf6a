package main

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// secretMarks returns the ways in which a secret can be written, each with what it is:
// plain, and encoded in base64 at any place of a longer text.
func secretMarks() map[string]string {
	marks := map[string]string{secretMark: "a secret"}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secretMark))
		// Characters that also depend on what comes before or after are left out.
		marks[encoded[[...]int{0, 2, 3}[shift]:len(encoded)-4]] = "a secret in base64"
	}
	return marks
}

// otherSecrets matches ICCIDs and the simulator's access tokens.
var otherSecrets = regexp.MustCompile(`\b` + iccidPrefix + `\d{13}\b|[0-9a-f]{64}`)

// secretIn names the secret that a text contains; "" if there is none.
func secretIn(text string) string {
	for mark, what := range secretMarks() {
		if strings.Contains(text, mark) {
			return what
		}
	}
	switch found := otherSecrets.FindString(text); len(found) {
	case 0:
		return ""
	case len(iccidPrefix) + 13:
		return "an ICCID"
	default:
		return "an access token"
	}
}
