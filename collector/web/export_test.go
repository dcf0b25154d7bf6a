package web

import "net/http"

// SetMaxConnections lets a test do with fewer connections.
func SetMaxConnections(s *http.Server, most int) { s.ConnState = newConnections(most).changed }
