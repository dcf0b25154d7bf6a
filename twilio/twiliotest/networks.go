package twiliotest

// Network is a mobile network. MCC and MNC are digits as text, since leading zeros
// count. Networks belong to no account.
type Network struct {
	SID          string // HW and 32 hexadecimal digits
	FriendlyName string
	ISOCountry   string // alpha-2, upper case
	MCC, MNC     string
}

// generatedNetworks are the same for every account, as networks are the vendor's.
// The carriers are invented.
func generatedNetworks() []Network {
	networks := []Network{
		{FriendlyName: "Prairie Mobile", ISOCountry: "US", MCC: "310", MNC: "999"},
		{FriendlyName: "Blue Mesa Wireless", ISOCountry: "US", MCC: "311", MNC: "998"},
		{FriendlyName: "Rheinfunk", ISOCountry: "DE", MCC: "262", MNC: "099"},
		{FriendlyName: "Elbnetz", ISOCountry: "DE", MCC: "262", MNC: "98"},
		{FriendlyName: "Onde Claire", ISOCountry: "FR", MCC: "208", MNC: "097"},
		{FriendlyName: "Thistle Telecom", ISOCountry: "GB", MCC: "234", MNC: "096"},
		{FriendlyName: "Tulp Mobiel", ISOCountry: "NL", MCC: "204", MNC: "095"},
		{FriendlyName: "Sol y Red", ISOCountry: "ES", MCC: "214", MNC: "094"},
		{FriendlyName: "Wisla Mobile", ISOCountry: "PL", MCC: "260", MNC: "093"},
		{FriendlyName: "Hoshi Denpa", ISOCountry: "JP", MCC: "440", MNC: "092"},
		{FriendlyName: "Ipe Celular", ISOCountry: "BR", MCC: "724", MNC: "091"},
		{FriendlyName: "Maple Signal", ISOCountry: "CA", MCC: "302", MNC: "090"},
	}
	for i := range networks {
		networks[i].SID = makeSID("HW", hashString(0, networks[i].MCC+"/"+networks[i].MNC))
	}
	return networks
}

// microPerMB is the invented price list: millionths of the currency for 1,000,000
// bytes.
func microPerMB(country string) int64 {
	switch country {
	case "US", "CA":
		return 100_000
	case "DE", "FR", "NL", "ES", "PL":
		return 60_000
	case "GB":
		return 75_000
	case "JP":
		return 180_000
	case "BR":
		return 350_000
	default:
		return 120_000
	}
}
