package collector

import (
	"slices"
	"time"

	"github.com/twilio-exporter/twilio_exporter/collector/config"
	"github.com/twilio-exporter/twilio_exporter/twilio"
)

// Size is how much there is of what an account is polled for.
type Size struct {
	SIMs, Fleets        int
	Networks, Countries int // with usage in the month
	Currencies          int // in which the account is billed
}

// Plan is what polling an account takes.
type Plan struct {
	RequestsPerHour float64 // to the API, without retries and what is read again
	RequestsPerDay  float64
	Series          int
	MemoryBytes     int64 // resident, of a process with this account alone
	// Polls are the requests of one poll by collector.
	Polls map[string]float64
}

// What is not known beforehand is taken to be as in most accounts.
const (
	plannedMonthlyPages  = 2    // of 100 records: two months of up to a hundred categories
	plannedCategories    = 60   // with usage in a month
	plannedNearLimit     = 0.05 // share of SIMs that are near their data limit
	plannedNetworksOfSIM = 2    // in which a SIM is used in a month
)

// NewPlan estimates what polling takes with these options. Every SIM is taken to be
// busy. The requests are those of collector/README.md, section Requests.
func NewPlan(provider twilio.Provider, options config.Collectors, size Size) Plan {
	p := Plan{Polls: make(map[string]float64)}
	usage := func(records int) int { return pagesOf(records, provider.MaxPageSize(twilio.EndpointUsageRecords)) }
	sims := pagesOf(size.SIMs, provider.MaxPageSize(twilio.EndpointSims))
	add := func(name string, s config.Schedule, requests int) {
		if !s.Enabled {
			return
		}
		p.Polls[name] = float64(requests)
		p.RequestsPerHour += float64(requests) * float64(time.Hour) / float64(s.Interval)
	}
	perKey := 4 + size.Currencies // bytes and the closed hour in two directions, and cost

	if o := options.SuperSIMUsage; o.Enabled {
		requests, listed := 3, slices.Clone(o.Groups) // the account's month, closed hour, and hours of nine days
		if slices.Contains(listed, groupSimNetwork) && !slices.Contains(listed, "network") {
			requests += 2 * usage(size.Networks)
		}
		for _, group := range listed {
			keys := map[string]int{
				accountGroup: 1, "sim": size.SIMs, "fleet": size.Fleets, "network": size.Networks,
				"country": size.Countries, groupSimNetwork: size.simsInNetworks(),
			}[group]
			switch group {
			case accountGroup:
			case groupSimNetwork:
				requests += 2 * size.Networks * usage(size.simsInNetworks()/max(size.Networks, 1))
			default:
				requests += 2 * usage(keys)
			}
			p.Series += keys*perKey + 6 // ends, and what is not attributed
		}
		p.Series += size.Networks + 2*ageCount
		add("supersim_usage", o.Schedule, requests)
		p.RequestsPerHour++ // lateness, at the whole hour
	}
	if o := options.SuperSIMInventory; o.Enabled {
		add("supersim_inventory", o.Schedule, 2+sims)
		p.Series += size.SIMs + size.Fleets*(2+5) // five statuses
	}
	if provider.HasAccountAPI() {
		if o := options.AccountUsage; o.Enabled {
			requests, categories := plannedMonthlyPages, plannedCategories
			if n := len(o.Categories); n > 0 {
				requests, categories = n, n
			}
			add("account_usage", o.Schedule, requests)
			p.Series += 6 * categories
		}
		if o := options.AccountBalance; o.Enabled {
			add("account_balance", o.Schedule, 1)
			p.Series++
		}
	}
	if o := options.SuperSIMDataLimits; o.Enabled {
		near := int(float64(size.SIMs) * plannedNearLimit)
		add("supersim_data_limits", o.Schedule, usage(size.SIMs)+min(near, o.MaxRequests))
		p.Series += 2 * near
	}
	const selfMetrics = 250
	p.Series += selfMetrics
	p.RequestsPerDay = p.RequestsPerHour * 24
	// Measured with 300,000 and 1,000,000 series: see collector/exposition/README.md.
	const process, perSeries = 30 << 20, 280
	p.MemoryBytes = process + int64(p.Series)*perSeries
	return p
}

func (s Size) simsInNetworks() int { return s.SIMs * min(plannedNetworksOfSIM, max(s.Networks, 1)) }

func pagesOf(records, size int) int { return max(1, (records+size-1)/size) }
