package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest that a server may ask for with Retry-After before we hand the question to the user.
const maxWait = 2 * time.Minute

// attempt makes one request and appends what it brings to the part. nil means that the body came to its end.
func (d *download) attempt(ctx context.Context, p *part) error {
	if p.size > 0 && !p.resumable() {
		p.discard()
	}
	if p.size > 0 && p.size == d.src.Size {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.opt.Stall, func() { cancel(errStalled) })
	defer watchdog.Stop()

	resp, err := d.request(ctx, p)
	if err != nil {
		return d.failed(ctx, p, err)
	}
	defer resp.Body.Close()
	if done, err := d.judge(resp, p); done || err != nil {
		return err
	}
	f, err := p.open()
	if err != nil {
		return fmt.Errorf("cannot download %s: expected to write %s: %w", d.shown, p.path, err)
	}
	err = d.copy(ctx, p, f, resp.Body, watchdog)
	if cerr := f.Close(); err == nil && cerr != nil {
		err = d.diskError(p, cerr)
	}
	return err
}

var errStalled = errors.New("no byte came for too long")

func (d *download) request(ctx context.Context, p *part) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.src.URL, nil)
	if err != nil {
		return nil, err
	}
	d.opt.setHeaders(req)
	if p.size > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		if p.Validator != "" {
			req.Header.Set("If-Range", p.Validator)
		}
	}
	return d.opt.client(func(req *http.Request, via []*http.Request) error {
		if req.URL.Scheme == "http" && via[0].URL.Scheme == "https" && !d.src.pinned() {
			return errDowngrade
		}
		return nil
	}).Do(req)
}

var errDowngrade = errors.New("it redirects from https to http, and no checksum is known to check what comes")

// failed tells a request that another try may mend from one that it cannot.
func (d *download) failed(ctx context.Context, p *part, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return fmt.Errorf("download of %s was stopped, with %s kept in %s: %w", d.shown, bytesOf(p.size, p.total), p.path, cause)
	} else if cause != nil {
		return &retryable{err: fmt.Errorf("%w (%v)", cause, d.opt.Stall)}
	}
	var ue *url.Error
	if errors.As(err, &ue) { // its text repeats the address, perhaps with a password
		err = ue.Err
	}
	if errors.Is(err, errDowngrade) || strings.Contains(err.Error(), "redirects more than") || strings.Contains(err.Error(), "unsupported protocol scheme") {
		return fmt.Errorf("cannot download %s: %w; look for the file's new address", d.shown, err)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		return fmt.Errorf("cannot download %s: expected to find the host %s, found no such name; check the address and the network (behind a proxy, set HTTPS_PROXY)", d.shown, dns.Name)
	}
	return &retryable{err: fmt.Errorf("expected an answer, found: %w", err)}
}

// judge decides what an answer means for the part: done when nothing more has to be read.
func (d *download) judge(resp *http.Response, p *part) (done bool, err error) {
	if err := d.busy(resp); err != nil {
		return false, err
	}
	switch code := resp.StatusCode; {
	case code == http.StatusPartialContent && p.size > 0:
		start, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if tag := validator(resp.Header); !ok || start != p.size || tag != "" && p.Validator != "" && tag != p.Validator {
			p.discard()
			return false, &retryable{err: fmt.Errorf("expected the file from byte %d on, found another part or version of it; starting over", p.size)}
		}
		return false, d.checkTotal(p, total)
	case code == http.StatusOK:
		if err := d.checkKind(resp); err != nil {
			return false, err
		}
		if err := d.checkTotal(p, resp.ContentLength); err != nil {
			return false, err
		}
		if err := p.begin(resp.Header); err != nil {
			return false, fmt.Errorf("cannot download %s: expected to write %s: %w", d.shown, p.path, err)
		}
		return false, nil
	case code == http.StatusRequestedRangeNotSatisfiable && p.size > 0:
		if _, total, _ := contentRange(resp.Header.Get("Content-Range")); total == p.size {
			return true, nil // all of it was here already
		}
		p.discard()
		return false, &retryable{err: errors.New("the server has fewer bytes than an earlier try brought; starting over")}
	default:
		advise := advice(code)
		if d.opt.Advice != nil {
			advise = cmp.Or(d.opt.Advice(resp), advise)
		}
		return false, fmt.Errorf("cannot download %s: expected the file, found the answer %s; %s", d.shown, resp.Status, advise)
	}
}

// busy is the error for an answer that may be another one later, nil for every other.
func (d *download) busy(resp *http.Response) error {
	if code := resp.StatusCode; code != http.StatusTooManyRequests && code != http.StatusRequestTimeout && code < 500 {
		return nil
	}
	wait := retryAfter(resp.Header.Get("Retry-After"))
	if wait > maxWait {
		return fmt.Errorf("cannot download %s: the server answers %s and asks to wait %v; try again then", d.shown, resp.Status, wait.Round(time.Second))
	}
	return &retryable{err: fmt.Errorf("expected the file, found the answer %s", resp.Status), wait: wait}
}

func advice(code int) string {
	switch code {
	case http.StatusNotFound, http.StatusGone:
		return "the publisher has moved or removed it, look for its new address"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the publisher asks for a login or refuses this machine; download it by hand"
	}
	return "try the address in a browser"
}

// checkKind refuses an HTML page in place of a file: login forms and error pages come with the status 200.
func (d *download) checkKind(resp *http.Response) error {
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return fmt.Errorf("cannot download %s: expected the file as it is, found it encoded as %s; download it by hand", d.shown, enc)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if ext := strings.ToLower(path.Ext(resp.Request.URL.Path)); kind == "text/html" && ext != ".html" && ext != ".htm" {
		return fmt.Errorf("cannot download %s: %w: found an HTML page, a login form or an error message perhaps; try the address in a browser", d.shown, ErrWrongContent)
	}
	return nil
}

// checkTotal compares the length that the server announces with the one that is known, before the bytes are spent.
func (d *download) checkTotal(p *part, total int64) error {
	if total < 0 {
		return nil
	}
	if d.src.Size > 0 && total != d.src.Size {
		return fmt.Errorf("cannot download %s: %w: expected %d bytes, found that the server has %d; the publisher may have changed the file",
			d.shown, ErrWrongContent, d.src.Size, total)
	}
	if total > d.opt.MaxBytes {
		return fmt.Errorf("cannot download %s: expected at most %d bytes, found that the server has %d", d.shown, d.opt.MaxBytes, total)
	}
	p.total = total
	return nil
}

// copy appends the body to the part, byte counts kept exact so that a cut connection can be taken up.
func (d *download) copy(ctx context.Context, p *part, f *os.File, body io.Reader, watchdog *time.Timer) error {
	most := d.opt.MaxBytes
	if p.total >= 0 {
		most = p.total
	}
	disk := d.opt.Disk(f)
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			watchdog.Reset(d.opt.Stall)
			if p.size == 0 && looksLikeHTML(buf[:n], d.src.URL) {
				p.discard()
				return fmt.Errorf("cannot download %s: %w: found an HTML page, a login form or an error message perhaps; try the address in a browser", d.shown, ErrWrongContent)
			}
			if p.size+int64(n) > most {
				p.discard()
				return fmt.Errorf("cannot download %s: %w: expected at most %d bytes, found more; nothing was kept", d.shown, ErrWrongContent, most)
			}
			w, werr := disk.Write(buf[:n])
			p.size += int64(w)
			if werr != nil {
				return d.diskError(p, werr)
			}
			d.opt.Progress(p.size, p.total)
		}
		switch {
		case err == io.EOF && p.total >= 0 && p.size < p.total:
			return &retryable{err: fmt.Errorf("expected %d bytes, found the end after %d", p.total, p.size)}
		case err == io.EOF:
			return nil
		case err != nil:
			if ctx.Err() != nil {
				return d.failed(ctx, p, err)
			}
			return &retryable{err: fmt.Errorf("expected %s, found that the connection was cut after %d: %w", bytesWanted(p.total), p.size, err)}
		}
	}
}

func bytesWanted(total int64) string {
	if total < 0 {
		return "the whole file"
	}
	return fmt.Sprintf("%d bytes", total)
}

func (d *download) diskError(p *part, err error) error {
	return fmt.Errorf("cannot download %s: expected to write %s, found: %w; %s are kept there, make room and try again",
		d.shown, p.path, err, bytesOf(p.size, p.total))
}

func looksLikeHTML(head []byte, address string) bool {
	if strings.HasSuffix(address, ".html") || strings.HasSuffix(address, ".htm") {
		return false
	}
	head = bytes.ToLower(bytes.TrimLeft(head[:min(len(head), 512)], " \t\r\n\ufeff"))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// contentRange reads "bytes START-END/TOTAL" and "bytes */TOTAL"; total is -1 when it is not given.
func contentRange(s string) (start, total int64, ok bool) {
	s, ok = strings.CutPrefix(s, "bytes ")
	span, size, slash := strings.Cut(s, "/")
	if !ok || !slash {
		return 0, -1, false
	}
	total, err := strconv.ParseInt(size, 10, 64)
	if err != nil || total < 0 {
		total = -1
	}
	from, _, _ := strings.Cut(span, "-")
	start, err = strconv.ParseInt(from, 10, 64)
	return start, total, err == nil && start >= 0
}

// longestWait stands for all that is longer, which nobody waits for.
const longestWait = 24 * time.Hour

// retryAfter reads seconds or a date.
func retryAfter(s string) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(s); err == nil {
		wait = time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		wait = time.Until(at)
	}
	return max(0, min(wait, longestWait))
}
