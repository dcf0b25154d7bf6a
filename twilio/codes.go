package twilio

// Explain says what an error code of Twilio means, in one sentence; "" if the code is
// none that the exporter is likely to meet.
//
// Source: https://www.twilio.com/docs/api/errors.
func Explain(code int) string {
	switch code {
	case 20001:
		return "The API does not know a parameter of the request."
	case 20003:
		return "The credentials are wrong, revoked, or of another account; or the account is suspended."
	case 20004:
		return "The API does not allow this kind of request."
	case 20005:
		return "The account is not active: it is suspended or closed."
	case 20006:
		return "The credentials may not read this resource."
	case 20008:
		return "Test credentials cannot read this resource."
	case 20104:
		return "The access token has expired."
	case codeNotFound:
		return "The account has no such resource, or its SID is wrong."
	case codeTooManyRequests:
		return "The account sends more requests at a time than Twilio admits."
	case 20500:
		return "The API failed by itself."
	case 20503:
		return "The API is not available for the moment."
	case codeInvalidPageToken:
		return "The listing changed while it was read, so it has to be read from its start."
	case 70051:
		return "The API key has no permission for this resource."
	case codeNotMidnight:
		return "The API wants the range to start and end at midnight UTC."
	}
	return ""
}

// Explain says what a reason means, in one sentence.
func (r Reason) Explain() string {
	switch r {
	case ReasonAuthentication:
		return "The credentials were refused, or their file could not be read."
	case ReasonPermission:
		return "The credentials lack a permission."
	case ReasonRateLimit:
		return "The API refused requests because there were too many."
	case ReasonServer:
		return "The API failed by itself."
	case ReasonNetwork:
		return "There was no connection to the API, or it broke."
	case ReasonTimeout:
		return "The API did not respond completely in time."
	case ReasonTruncated:
		return "A response was cut off."
	case ReasonResponse:
		return "A response could not be read or believed."
	case ReasonLimit:
		return "The poll would have taken more than a limit of the configuration allows."
	default:
		return "The API refused a request."
	}
}
