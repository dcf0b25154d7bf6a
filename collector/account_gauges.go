package collector

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// accountGauges are the rows of one calendar month.
type accountGauges struct {
	cost, total   []Series
	usage, events []Series
	asOf          map[string]time.Time // the newest, by account SID
	unpriced      []string             // categories whose price has no currency
}

func newAccountGauges() *accountGauges {
	return &accountGauges{asOf: make(map[string]time.Time)}
}

func (g *accountGauges) add(key monthlyKey, r twilio.MonthlyUsage) {
	if r.AsOf.Valid {
		g.asOf[key.account] = later(g.asOf[key.account], r.AsOf.V)
	}
	if r.Price.Valid {
		price := r.Price.V.InexactFloat64()
		switch {
		case r.PriceUnit == "":
			if price != 0 {
				g.unpriced = append(g.unpriced, key.category)
			}
		case key.category == twilio.CategoryTotalPrice:
			g.total = append(g.total, Series{[]string{key.account, r.PriceUnit}, price})
		default:
			g.cost = append(g.cost, Series{[]string{key.account, key.category, r.PriceUnit}, price})
		}
	}
	if key.category == twilio.CategoryTotalPrice {
		return
	}
	if r.Usage.Valid {
		g.usage = append(g.usage, Series{[]string{key.account, key.category, r.UsageUnit}, r.Usage.V.InexactFloat64()})
	}
	if r.Count.Valid {
		g.events = append(g.events, Series{[]string{key.account, key.category, r.CountUnit}, r.Count.V.InexactFloat64()})
	}
}

func (g *accountGauges) batches(costFamily, totalFamily string) []Batch {
	return []Batch{
		NewBatch(costFamily, time.Time{}, g.cost),
		NewBatch(totalFamily, time.Time{}, g.total),
	}
}

func (g *accountGauges) asOfRows() []Series {
	var rows []Series
	for account, t := range g.asOf {
		rows = append(rows, Series{[]string{account}, seconds(t)})
	}
	return rows
}

func (g *accountGauges) warnings() []string {
	if len(g.unpriced) == 0 {
		return nil
	}
	slices.Sort(g.unpriced)
	return []string{fmt.Sprintf("the API reports %d prices without a currency, so they are not shown: %s",
		len(g.unpriced), strings.Join(g.unpriced[:min(3, len(g.unpriced))], ", "))}
}
