package process

// Memory is what a process takes, in bytes.
type Memory struct {
	Resident int64
	Peak     int64 // the most that was ever resident
}
