// Package fetch downloads one file at a time so that it arrives whole or not at all: with resume, retries and a check of
// length and sha256. What came so far is kept beside the target as NAME.part and never under the final name.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/internal/lockfile"
)

// ErrOffline is wrapped by the refusal to use the network.
var ErrOffline = errors.New("the network is switched off")

// ErrWrongContent is wrapped by the error of a download that came to its end but is not the file that was expected.
var ErrWrongContent = errors.New("not the file that was expected")

// Source is a file at a publisher.
type Source struct {
	URL    string
	Size   int64  // in bytes; 0 when it is not known
	SHA256 string // in hexadecimal; empty when it is not known
	Blob   string // the file's name as a git object, in hexadecimal: the sha1 of "blob SIZE\x00" and the content; empty when it is not known
}

// pinned says whether what comes can be checked.
func (s Source) pinned() bool { return s.SHA256 != "" || s.Blob != "" }

// Options may be left zero.
type Options struct {
	Progress func(done, total int64)             // called as bytes arrive; total is -1 while it is not known
	Client   *http.Client                        // nil means one with the environment's proxy settings
	Retry    func(why error, wait time.Duration) // called before each wait for another try
	Headers  map[string]string                   // sent to the address's own host, not where it redirects to; never printed
	Advice   func(answer *http.Response) string  // what to do about an answer that is final, such as 403; nil or "" means a general word
	Offline  bool                                // refuse, as GLIMPSE_OFFLINE=1 does

	Attempts int           // tries in a row that bring no byte before giving up; 0 means 6
	Backoff  time.Duration // wait before the second try, doubled up to 30 s for each further; 0 means 1 s
	Stall    time.Duration // a connection that brings no byte for so long counts as cut; 0 means 60 s
	MaxBytes int64         // most bytes to accept when Source.Size is not known; 0 means 64 GiB

	// Disk wraps the file that is written to, so that tests can fill the disk.
	Disk func(io.Writer) io.Writer
}

func (o Options) withDefaults() Options {
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	if o.Retry == nil {
		o.Retry = func(error, time.Duration) {}
	}
	if o.Client == nil {
		o.Client = &http.Client{}
	}
	if o.Attempts <= 0 {
		o.Attempts = 6
	}
	if o.Backoff <= 0 {
		o.Backoff = time.Second
	}
	if o.Stall <= 0 {
		o.Stall = time.Minute
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 64 << 30
	}
	if o.Disk == nil {
		o.Disk = func(w io.Writer) io.Writer { return w }
	}
	o.Offline = o.Offline || os.Getenv("GLIMPSE_OFFLINE") == "1"
	return o
}

// File downloads src to dest, whose folder is made when it is missing. A file that is there already and passes the
// checks is left alone; an unfinished download is taken up where it stopped. Every error is a sentence with the
// address, what was expected, what was found and what to do. Only http and https are fetched.
func File(ctx context.Context, src Source, dest string, opt Options) error {
	opt = opt.withDefaults()
	u, err := url.Parse(src.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("expected an address that begins with http:// or https://, found %q", src.URL)
	}
	d := &download{src: src, shown: u.Redacted(), dest: dest, opt: opt}
	if done, err := d.alreadyThere(ctx); done || err != nil {
		return err
	}
	if opt.Offline {
		return fmt.Errorf("cannot download %s: %w; unset GLIMPSE_OFFLINE, or put the file at %s yourself", d.shown, ErrOffline, dest)
	}
	if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
		return fmt.Errorf("cannot download %s: expected to make the folder of %s: %w", d.shown, dest, err)
	}
	unlock, locked, err := lockfile.Try(dest + ".lock")
	if err != nil {
		return fmt.Errorf("cannot download %s: expected a folder that can be written to: %w", d.shown, err)
	}
	if !locked {
		return fmt.Errorf("cannot download %s: another process is downloading it to %s; wait for it to finish", d.shown, dest)
	}
	defer unlock()
	if done, err := d.alreadyThere(ctx); done || err != nil { // another process may have brought it since the first look
		return err
	}
	return d.run(ctx)
}

// download is one call of File.
type download struct {
	src   Source
	shown string // the address without a password
	dest  string
	opt   Options
}

// alreadyThere says whether dest is the file that is wanted. Without a size or a sha256 to hold it against, any
// file of that name is, because only whole files get their final name here.
func (d *download) alreadyThere(ctx context.Context) (bool, error) {
	info, err := os.Stat(d.dest)
	if err != nil {
		return false, nil
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("cannot download %s: expected a file or nothing at %s, found a folder or a special file; move it away", d.shown, d.dest)
	}
	if d.src.Size > 0 && info.Size() != d.src.Size {
		return false, nil
	}
	if _, _, _, ok, err := d.src.check(ctx, d.dest); err != nil {
		return false, fmt.Errorf("cannot check %s: %w", d.dest, err)
	} else if !ok {
		return false, nil
	}
	d.opt.Progress(info.Size(), info.Size())
	return true, nil
}

// run tries until the file is whole. Tries that bring bytes are not counted, so that a bad line costs time and
// nothing else.
func (d *download) run(ctx context.Context) error {
	part := loadPart(d.dest, d.src)
	fresh, best := part.size == 0, part.size
	for failures := 0; ; {
		err := d.attempt(ctx, part)
		if err == nil {
			err = d.finish(ctx, part)
			if err == nil || fresh || !errors.Is(err, ErrWrongContent) {
				return err
			}
			fresh = true // an older beginning may be at fault: once more, from the first byte
			continue
		}
		var again *retryable
		if !errors.As(err, &again) {
			return err
		}
		failures++
		if part.size > best {
			failures, best = 0, part.size
		}
		if failures >= d.opt.Attempts {
			return fmt.Errorf("cannot download %s: gave up after %d tries that brought nothing new, with %s kept in %s; try again later, it goes on from there: %w",
				d.shown, failures, bytesOf(part.size, part.total), part.path, again.err)
		}
		wait := max(again.wait, min(30*time.Second, d.opt.Backoff<<max(0, failures-1)))
		d.opt.Retry(again.err, wait)
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("download of %s was stopped, with %s kept in %s: %w", d.shown, bytesOf(part.size, part.total), part.path, err)
		}
	}
}

// finish checks the whole file and gives it its name.
func (d *download) finish(ctx context.Context, part *part) error {
	if d.src.Size > 0 && part.size != d.src.Size {
		part.discard()
		return fmt.Errorf("cannot download %s: %w: expected %d bytes, found %d; nothing was kept, the publisher may have changed the file",
			d.shown, ErrWrongContent, d.src.Size, part.size)
	}
	kind, want, found, ok, err := d.src.check(ctx, part.path)
	if err != nil {
		return fmt.Errorf("cannot check %s: %w", part.path, err)
	}
	if !ok {
		part.discard()
		return fmt.Errorf("cannot download %s: %w: expected %s %s, found %s; nothing was kept, the publisher may have changed the file or something on the way altered it",
			d.shown, ErrWrongContent, kind, want, found)
	}
	if err := part.commit(d.dest); err != nil {
		return fmt.Errorf("cannot give the download of %s its name: %w", d.shown, err)
	}
	return nil
}

// retryable is a failure that another try may mend; wait is what the server asked for.
type retryable struct {
	err  error
	wait time.Duration
}

func (r *retryable) Error() string { return r.err.Error() }
func (r *retryable) Unwrap() error { return r.err }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func bytesOf(done, total int64) string {
	if total > 0 {
		return fmt.Sprintf("%d of %d bytes", done, total)
	}
	return fmt.Sprintf("%d bytes", done)
}
