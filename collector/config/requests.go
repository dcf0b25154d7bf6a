package config

import (
	"slices"
	"time"
)

// LeastRequests returns how many requests a poll of a collector takes at least, one for
// each listing, by group, with "" for what belongs to none. The collector is named by its
// YAML key.
func (c Collectors) LeastRequests(collector string) map[string]int {
	switch collector {
	case "supersim_usage":
		n := map[string]int{"": 3} // of the account: its hours, the month and the closed hour
		for _, group := range c.SuperSIMUsage.Groups {
			switch {
			case group == "account":
			case group == "sim_network" && slices.Contains(c.SuperSIMUsage.Groups, "network"):
			default: // sim_network lists the networks, too
				n[group] = 2
			}
		}
		return n
	case "supersim_inventory":
		return map[string]int{"": 3} // SIMs, fleets, networks
	default:
		return map[string]int{"": 1}
	}
}

// LongestInterval is how far the interval of a collector may be stretched so that its
// results stay exposed until the next poll, with some time to spare: two thirds of
// max_age, and a day at most.
func LongestInterval(interval, maxAge time.Duration) time.Duration {
	return max(interval, min(maxAge/3*2, day))
}
