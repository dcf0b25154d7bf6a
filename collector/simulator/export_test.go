package simulator

// Names for tests of what cannot be reached over a loopback address.
var (
	Configuration = Options.configuration
	HasFaults     = Options.hasFaults
	Handler       = handler
)
