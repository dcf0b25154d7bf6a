package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// An attack is what a hostile client does with a connection until the context ends.
type attack struct {
	name    string
	clients int
	do      func(context.Context, net.Conn, *rand.Rand)
}

func attacks() []attack {
	say := func(text string) func(context.Context, net.Conn, *rand.Rand) {
		return func(ctx context.Context, c net.Conn, _ *rand.Rand) {
			_, _ = io.WriteString(c, text)
			<-ctx.Done()
		}
	}
	listen := func(text string) func(context.Context, net.Conn, *rand.Rand) {
		return func(_ context.Context, c net.Conn, _ *rand.Rand) {
			_, _ = io.WriteString(c, text)
			_, _ = io.Copy(io.Discard, c) // ends with the context, which closes c
		}
	}
	const get = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
	return []attack{
		{"scrapers that never read", 45, say(get + "\r\n" + get + "\r\n")},
		{"half a request", 60, say(get + "Accept: text/")},
		{"bodies that do not come", 60, say(get + "Content-Length: 10\r\nX-Prometheus-Scrape-Timeout-Seconds: 2\r\n\r\n")},
		{"endless bodies", 10, func(ctx context.Context, c net.Conn, _ *rand.Rand) {
			_, err := io.WriteString(c, "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
			for err == nil && sleep(ctx, 10*time.Millisecond) {
				_, err = fmt.Fprintf(c, "400\r\n%s\r\n", strings.Repeat("x", 1024))
			}
		}},
		{"huge Accept headers", 10, func(_ context.Context, c net.Conn, random *rand.Rand) {
			n := 10_000 + random.IntN(900_000)
			accept := fmt.Sprintf("text/plain;x=%x;q=0.%d,", random.Uint64(), random.IntN(9))
			_, _ = io.WriteString(c, get+"Accept: "+strings.Repeat(accept, n/len(accept))+"\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}},
		{"many Accept headers", 20, func(_ context.Context, c net.Conn, random *rand.Rand) {
			for range 20 {
				_, _ = fmt.Fprintf(c, get+"Accept: text/plain;version=0.0.4;x=%x;q=0.9\r\nAccept-Encoding: gzip;q=0.%d\r\n\r\n", random.Uint64(), random.IntN(9))
			}
			_, _ = io.Copy(io.Discard, c)
		}},
		{"idle connections", 150, say("")},
		{"garbage", 20, func(_ context.Context, c net.Conn, random *rand.Rand) {
			b := make([]byte, 200)
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			_, _ = c.Write(b)
			_, _ = io.Copy(io.Discard, c)
		}},
		{"requests from another site", 10, listen("POST /-/reload HTTP/1.1\r\nHost: x\r\nOrigin: http://attacker.invalid\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n")},
		{"other methods and paths", 10, listen("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\nGET /-/ready?a;b HTTP/1.1\r\nHost: x\r\n\r\nTRACE / HTTP/1.1\r\nHost: x\r\n\r\n")},
		{"connections that are closed at once", 100, func(context.Context, net.Conn, *rand.Rand) {}},
	}
}

// hostile attacks until the context ends. Between attacks there is a calm, in which
// the use of resources is measured.
func (c *chaos) hostile(ctx context.Context) {
	random := rand.New(rand.NewPCG(c.seed, 3))
	all := attacks()
	for sleep(ctx, c.pace) {
		if p := c.running(); p != nil {
			if n := random.IntN(len(all) + 1); n < len(all) {
				c.attack(ctx, p, all[n], random)
			} else {
				c.floodOfReloads(ctx, p)
			}
		}
		c.calm(ctx)
	}
}

func (c *chaos) attack(ctx context.Context, p *process, a attack, random *rand.Rand) {
	c.report.attack(a.name)
	c.attacking.Store(a.name)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(3*c.pace))))
	defer cancel()
	encrypted := p.tls && random.IntN(4) > 0 // or to a port that expects TLS
	var wait sync.WaitGroup
	for range a.clients {
		seed := random.Uint64()
		wait.Go(func() {
			conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", p.url[strings.LastIndex(p.url, "/")+1:])
			if err != nil {
				return
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetReadBuffer(4096)
			}
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			if encrypted {
				encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
				if encrypted.HandshakeContext(ctx) != nil {
					return
				}
				conn = encrypted
			}
			a.do(ctx, conn, rand.New(rand.NewPCG(seed, 0)))
		})
	}
	wait.Wait()
}

// floodOfReloads asks for many reloads at a time. Most change nothing.
func (c *chaos) floodOfReloads(ctx context.Context, p *process) {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	c.report.attack("floods of reloads")
	c.attacking.Store("floods of reloads")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for range 10 {
				status, _ := c.post(ctx, p)
				if status != 0 && status != http.StatusOK && status != http.StatusInternalServerError {
					c.report.failure("reload", fmt.Sprintf("status %d", status))
				}
			}
		})
	}
	wait.Wait()
}
