package twilio

import (
	"context"
	"iter"
	"net/url"
)

// SimStatus is what a Super SIM can do.
type SimStatus string

// The documented statuses; the set may grow.
const (
	SimStatusNew       SimStatus = "new"
	SimStatusReady     SimStatus = "ready"
	SimStatusActive    SimStatus = "active"
	SimStatusInactive  SimStatus = "inactive"
	SimStatusScheduled SimStatus = "scheduled"
)

// CanSend says whether a SIM of this status may cause usage.
func (s SimStatus) CanSend() bool {
	return s == SimStatusReady || s == SimStatusActive || s == SimStatusScheduled
}

// A Sim is a Super SIM.
type Sim struct {
	SID        string
	AccountSID string
	UniqueName string // "" if it has none
	ICCID      string // personal data
	Status     SimStatus
	FleetSID   string // "" if it is in none
}

// SimsParams is a query of Sims. Zero values are not sent.
type SimsParams struct {
	Status SimStatus
	Fleet  string // SID or unique name
	Iccid  string
	Paging
}

// Sims lists Super SIMs.
func (c *Client) Sims(ctx context.Context, p SimsParams) iter.Seq2[Sim, error] {
	q := query("Status", string(p.Status), "Fleet", p.Fleet, "Iccid", p.Iccid)
	if err := p.encode(q, c.provider, EndpointSims); err != nil {
		return fail[Sim](err)
	}
	return listing[Sim]{
		endpoint: EndpointSims, key: "sims", url: resource(c.superSIM, "/v1/Sims", q),
		wire: func() wire[Sim] { return new(wireSim) },
	}.all(ctx, c)
}

type wireSim struct{ SID, AccountSID, UniqueName, ICCID, Status, FleetSID scalar }

func (w *wireSim) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "account_sid":
		return &w.AccountSID
	case "unique_name":
		return &w.UniqueName
	case "iccid":
		return &w.ICCID
	case "status":
		return &w.Status
	case "fleet_sid":
		return &w.FleetSID
	}
	return nil
}

func (w *wireSim) record() (Sim, error) {
	if err := need(&w.SID, named{"account_sid", &w.AccountSID}, named{"unique_name", &w.UniqueName}, named{"iccid", &w.ICCID},
		named{"status", &w.Status}, named{"fleet_sid", &w.FleetSID}); err != nil {
		return Sim{}, err
	}
	return Sim{
		SID: w.SID.unique(), AccountSID: w.AccountSID.text(), UniqueName: w.UniqueName.unique(),
		ICCID: w.ICCID.unique(), Status: SimStatus(w.Status.text()), FleetSID: w.FleetSID.text(),
	}, nil
}

// A Fleet is a set of SIMs under common rules.
type Fleet struct {
	SID        string
	AccountSID string
	UniqueName string      // "" if it has none
	DataLimit  Null[int64] // bytes for each SIM and billing period: the API's megabytes times 1,000,000
}

// FleetsParams is a query of Fleets. Zero values are not sent.
type FleetsParams struct {
	NetworkAccessProfile string // SID or unique name
	Paging
}

// Fleets lists fleets.
func (c *Client) Fleets(ctx context.Context, p FleetsParams) iter.Seq2[Fleet, error] {
	q := query("NetworkAccessProfile", p.NetworkAccessProfile)
	if err := p.encode(q, c.provider, EndpointFleets); err != nil {
		return fail[Fleet](err)
	}
	return listing[Fleet]{
		endpoint: EndpointFleets, key: "fleets", url: resource(c.superSIM, "/v1/Fleets", q),
		wire: func() wire[Fleet] { return new(wireFleet) },
	}.all(ctx, c)
}

type wireFleet struct{ SID, AccountSID, UniqueName, DataLimit scalar }

func (w *wireFleet) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "account_sid":
		return &w.AccountSID
	case "unique_name":
		return &w.UniqueName
	case "data_limit":
		return &w.DataLimit
	}
	return nil
}

func (w *wireFleet) record() (Fleet, error) {
	if err := need(&w.SID, named{"account_sid", &w.AccountSID}, named{"unique_name", &w.UniqueName}); err != nil {
		return Fleet{}, err
	}
	limit, err := w.DataLimit.bytes("data_limit")
	const mega = 1_000_000
	if err != nil || limit.V > (1<<63-1)/mega {
		return Fleet{}, w.DataLimit.fail("data_limit", "a whole number of megabytes from 0 up")
	}
	return Fleet{
		SID: w.SID.unique(), AccountSID: w.AccountSID.text(), UniqueName: w.UniqueName.unique(),
		DataLimit: Null[int64]{limit.V * mega, limit.Valid},
	}, nil
}

// A Network is a cellular network that SIMs may use.
type Network struct {
	SID          string
	FriendlyName string
	IsoCountry   string
}

// NetworksParams is a query of Networks. Zero values are not sent.
type NetworksParams struct {
	IsoCountry string
	Mcc        string // mobile country code, with its leading zeros
	Mnc        string // mobile network code, with its leading zeros
	Paging
}

// Networks lists the networks that the provider knows, used or not.
func (c *Client) Networks(ctx context.Context, p NetworksParams) iter.Seq2[Network, error] {
	q := query("IsoCountry", p.IsoCountry, "Mcc", p.Mcc, "Mnc", p.Mnc)
	if err := p.encode(q, c.provider, EndpointNetworks); err != nil {
		return fail[Network](err)
	}
	return listing[Network]{
		endpoint: EndpointNetworks, key: "networks", url: resource(c.superSIM, "/v1/Networks", q),
		wire: func() wire[Network] { return new(wireNetwork) },
	}.all(ctx, c)
}

type wireNetwork struct{ SID, FriendlyName, IsoCountry scalar }

func (w *wireNetwork) field(name []byte) value {
	switch string(name) {
	case "sid":
		return &w.SID
	case "friendly_name":
		return &w.FriendlyName
	case "iso_country":
		return &w.IsoCountry
	}
	return nil
}

func (w *wireNetwork) record() (Network, error) {
	if err := need(&w.SID, named{"friendly_name", &w.FriendlyName}, named{"iso_country", &w.IsoCountry}); err != nil {
		return Network{}, err
	}
	return Network{SID: w.SID.unique(), FriendlyName: w.FriendlyName.text(), IsoCountry: w.IsoCountry.text()}, nil
}

// query makes a query of names and values, leaving out what is empty.
func query(namesAndValues ...string) url.Values {
	q := make(url.Values)
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] != "" {
			q.Set(namesAndValues[i], namesAndValues[i+1])
		}
	}
	return q
}

// need refuses a resource without a SID, which nothing could be shown of, and
// one whose other fields are not text.
func need(sid *scalar, fields ...named) error {
	if len(sid.content()) == 0 || sid.other() {
		return sid.fail("sid", "a SID")
	}
	return texts(fields...)
}
