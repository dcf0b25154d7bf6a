package report

import (
	"context"
	_ "embed" // of the countries
	"iter"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// names are those of SIMs, fleets and networks by SID.
type names struct {
	sims, fleets, networks map[string]string
	account                string // SID of the account that has the SIMs; may be empty
}

// names reads the inventory. With an error, it has the lists that could be read.
func (r reader) names(ctx context.Context) (names, error) {
	var n names
	var group errgroup.Group // without a context of its own: one list fails by itself
	group.Go(func() (err error) {
		n.sims, err = namesOf(func() iter.Seq2[twilio.Sim, error] { return r.client.Sims(ctx) },
			func(s twilio.Sim) (string, string) {
				n.account = s.AccountSID
				return s.SID, s.UniqueName
			})
		return err
	})
	group.Go(func() (err error) {
		n.fleets, err = namesOf(func() iter.Seq2[twilio.Fleet, error] { return r.client.Fleets(ctx) },
			func(f twilio.Fleet) (string, string) { return f.SID, f.UniqueName })
		return err
	})
	group.Go(func() (err error) {
		n.networks, err = namesOf(func() iter.Seq2[twilio.Network, error] { return r.client.Networks(ctx) },
			func(w twilio.Network) (string, string) { return w.SID, w.FriendlyName })
		return err
	})
	return n, group.Wait()
}

func namesOf[T any](list func() iter.Seq2[T, error], of func(T) (sid, name string)) (map[string]string, error) {
	all, err := listing(list)
	if err != nil {
		return nil, err
	}
	m := make(map[string]string, len(all))
	for _, resource := range all {
		sid, name := of(resource)
		m[sid] = name
	}
	return m, nil
}

// of returns the name of a key, if it is known.
func (n names) of(d dimension, key string) string {
	switch d {
	case byFleet:
		return n.fleets[key]
	case byNetwork:
		return n.networks[key]
	case bySIM:
		return n.sims[key]
	case byCountry:
		return countryName(key)
	default:
		return ""
	}
}

// The English names of countries by ISO 3166-1 alpha-2 code, one a line.
//
// Source: Unicode CLDR, as golang.org/x/text/language/display has it. That package itself
// would add 2.4 MB to the program and 200 kB to its memory, with all the other languages.
//
//go:embed countries.txt
var countryNames string

// countryName is the English name of a country, or "" if it is not known.
func countryName(code string) string {
	for line := range strings.Lines(countryNames) {
		if found, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); found == code {
			return name
		}
	}
	return ""
}
