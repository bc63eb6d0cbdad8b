package fetch

import (
	"errors"
	"net/http"
	"net/url"
)

// setHeaders names the program, asks for the file as it is and adds what the caller wants to be sent.
func (o Options) setHeaders(req *http.Request) {
	req.Header.Set("User-Agent", "glimpse")
	req.Header.Set("Accept-Encoding", "identity") // size and sums are those of the file itself
	for name, value := range o.Headers {
		req.Header.Set(name, value)
	}
}

// client follows at most ten redirects that check lets pass. What the caller wants to be sent, a token perhaps, does not go
// to another host, port or scheme: net/http alone would hand it on to subdomains and other ports.
func (o Options) client(check func(req *http.Request, via []*http.Request) error) *http.Client {
	client := *o.Client
	next := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if !sameHost(req.URL, via[0].URL) {
			for name := range o.Headers {
				req.Header.Del(name)
			}
			req.Header.Del("Referer")
		}
		if err := check(req, via); err != nil {
			return err
		}
		if next != nil {
			return next(req, via)
		}
		if len(via) >= 10 {
			return errors.New("it redirects more than ten times")
		}
		return nil
	}
	return &client
}

func sameHost(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
