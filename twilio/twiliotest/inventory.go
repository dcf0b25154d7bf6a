package twiliotest

import "fmt"

// SIM is one Super SIM.
type SIM struct {
	SID        string // HS and 32 hexadecimal digits
	UniqueName string // "" is null in responses
	ICCID      string // digits; personal data in the real service
	Status     string // new, ready, active, inactive or scheduled
	FleetSID   string // "" is null in responses: in no fleet
}

// Fleet is a group of SIMs.
type Fleet struct {
	SID        string // HF and 32 hexadecimal digits
	UniqueName string // "" is null in responses

	// DataLimitMB is in megabytes for each SIM and billing period, 1 to 2,000,000.
	// 0 is Twilio's default of 250, and null at KORE.
	DataLimitMB int64
}

// wildSIM is the index in the generated list of the SIM that runs away now and then.
const wildSIM = 3

// generatedFleets also holds a fleet without a name once there are five.
func generatedFleets(seed uint64, n int) []Fleet {
	names := [...]string{"trackers", "meters", "kiosks", "cameras"}
	fleets := make([]Fleet, n)
	for i := range fleets {
		f := Fleet{SID: makeSID("HF", hash(seed^'F', uint64(i)))}
		switch {
		case i < len(names):
			f.UniqueName = names[i]
		case i%5 != 4:
			f.UniqueName = fmt.Sprintf("fleet-%02d", i+1)
		}
		f.DataLimitMB = [...]int64{250, 1000, 5000, 0}[i%4]
		fleets[i] = f
	}
	return fleets
}

// generatedSIMs gives the odd cases fixed indices, so that a world of a dozen SIMs
// already has most of them.
func generatedSIMs(seed uint64, n int, fleets []Fleet) []SIM {
	sims := make([]SIM, n)
	for i := range sims {
		h := hash(seed^'S', uint64(i))
		s := SIM{SID: makeSID("HS", h), Status: "active"}
		s.ICCID = makeICCID(s.SID)
		if i%7 != 6 {
			s.UniqueName = fmt.Sprintf("device-%05d", i+1)
		}
		if len(fleets) > 0 && i%9 != 5 {
			s.FleetSID = fleets[mix(h)%uint64(len(fleets))].SID
		}
		switch i % 20 {
		case 11:
			s.Status = "ready"
		case 13:
			s.Status = "new"
		case 17:
			s.Status = "inactive"
		case 19:
			s.Status = "scheduled"
		}
		sims[i] = s
	}
	return sims
}

func makeICCID(sid string) string {
	return fmt.Sprintf("8988307%013d", hashString('I', sid)%10_000_000_000_000)
}

// completeSIMs copies a list and fills in what a test may leave out.
func completeSIMs(list []SIM) []SIM {
	sims := make([]SIM, len(list))
	seen := make(map[string]bool, len(list))
	for i, s := range list {
		if !isSID("HS", s.SID) || seen[s.SID] {
			panic(fmt.Sprintf("twiliotest: SIM SID %q is not HS and 32 hexadecimal digits, or comes twice", s.SID))
		}
		seen[s.SID] = true
		if s.Status == "" {
			s.Status = "active"
		}
		if s.ICCID == "" {
			s.ICCID = makeICCID(s.SID)
		}
		sims[i] = s
	}
	return sims
}
