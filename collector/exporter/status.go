package exporter

import "time"

// A Status is how a collector of an account is doing.
type Status struct {
	Account, Provider, Collector string
	Interval                     time.Duration // longer than configured where max_requests_per_hour demands it
	Outcome                      *Outcome      // nil before the first poll has ended
}

// Status lists every collector of every account in the configuration's order.
func (e *Exporter) Status() []Status {
	var all []Status
	for _, t := range e.accounts().tasks() {
		all = append(all, Status{t.account.name, string(t.account.provider), t.name, time.Duration(t.every.Load()), t.outcome.Load()})
	}
	return all
}
