package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Answer is what a server says to [Ask].
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Via    []http.Header // of the redirects on the way
}

// Ask makes one request whose answer is short, GET or HEAD, with the retries of [File]: connections that fail and the
// answers 408, 429 and 5xx cost tries, every other answer is handed back, 404 as well. A redirect is followed on the same
// host; one to another host is the answer. The body may have up to opt.MaxBytes (16 MiB when that is 0).
func Ask(ctx context.Context, method, address string, opt Options) (*Answer, error) {
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 16 << 20
	}
	opt = opt.withDefaults()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("expected an address that begins with http:// or https://, found %q", address)
	}
	if opt.Offline {
		return nil, fmt.Errorf("cannot ask %s: %w", u.Redacted(), ErrOffline)
	}
	d := &download{src: Source{URL: address}, shown: u.Redacted(), opt: opt}
	for failures := 1; ; failures++ {
		answer, err := d.ask(ctx, method)
		var again *retryable
		if err == nil || !errors.As(err, &again) {
			return answer, err
		}
		if failures >= opt.Attempts {
			return nil, fmt.Errorf("cannot ask %s: gave up after %d tries; try again later: %w", d.shown, failures, again.err)
		}
		wait := max(again.wait, min(30*time.Second, opt.Backoff<<(failures-1)))
		opt.Retry(again.err, wait)
		if err := pause(ctx, wait); err != nil {
			return nil, fmt.Errorf("asking %s was stopped: %w", d.shown, err)
		}
	}
}

// ask is one try.
func (d *download) ask(ctx context.Context, method string) (*Answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.opt.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()
	req, err := http.NewRequestWithContext(ctx, method, d.src.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot ask %s: %w", d.shown, err)
	}
	d.opt.setHeaders(req)
	var via []http.Header
	resp, err := d.opt.client(func(req *http.Request, earlier []*http.Request) error {
		if !sameHost(req.URL, earlier[0].URL) {
			return http.ErrUseLastResponse
		}
		via = append(via, req.Response.Header)
		return nil
	}).Do(req)
	if err != nil {
		return nil, d.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	if again := d.busy(resp); again != nil {
		return nil, again
	}
	body, err := io.ReadAll(io.LimitReader(readerFunc(func(p []byte) (int, error) {
		n, err := resp.Body.Read(p)
		if n > 0 {
			watchdog.Reset(d.opt.Stall)
		}
		return n, err
	}), d.opt.MaxBytes+1))
	if err != nil {
		return nil, d.unanswered(ctx, err)
	}
	if int64(len(body)) > d.opt.MaxBytes {
		return nil, fmt.Errorf("cannot ask %s: expected an answer of at most %d bytes, found more", d.shown, d.opt.MaxBytes)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, Via: via}, nil
}

// readerFunc is a reader that is a function.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (d *download) unanswered(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return fmt.Errorf("asking %s was stopped: %w", d.shown, cause)
	}
	return d.failed(ctx, &part{total: -1}, err)
}
