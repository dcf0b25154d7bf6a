package simulator

// Names for tests of what cannot be reached over a loopback address.
var (
	IsLoopback    = isLoopback
	FaultsHandler = faultsHandler
)
