//go:build !unix

package web

// connectionLimit is how many connections are kept.
func connectionLimit() int { return maxConnections }
