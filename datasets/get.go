package datasets

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/glimpse-ml/glimpse/internal/fetch"
	"github.com/glimpse-ml/glimpse/internal/unpack"
)

// GetProgress is told how a download goes. Either function may be nil.
type GetProgress struct {
	Step  func(step string, done, total int64) // bytes of the step "download"; step "unpack" has no count
	Retry func(why error, wait time.Duration)  // before each wait for another try
}

// Get downloads a data set into the folder DIR/NAME and gives its path; one that is there already is left alone. An
// interrupted download goes on where it stopped; nothing lies under its final name before it was checked. A data
// set that its publisher does not give out freely is refused with a sentence that says what to do instead.
func Get(ctx context.Context, e Entry, dir string, progress GetProgress) (string, error) {
	return get(ctx, e, dir, progress, fetch.Options{})
}

func get(ctx context.Context, e Entry, dir string, progress GetProgress, opt fetch.Options) (string, error) {
	if !validName(e.Name) {
		return "", fmt.Errorf("expected an entry of the catalogue, found one with the name %q", e.Name)
	}
	target := filepath.Join(dir, e.Name)
	if entries, err := os.ReadDir(target); err == nil && len(entries) > 0 {
		return target, nil
	}
	if !e.Downloadable() {
		return "", fmt.Errorf("%s cannot be downloaded: %s; then put it in %s", e.Name, e.ByHand, target)
	}
	step := progress.Step
	if step == nil {
		step = func(string, int64, int64) {}
	}
	opt.Progress = func(done, total int64) { step("download", done, total) }
	opt.Retry = progress.Retry
	if e.Archive == nil {
		return target, getFiles(ctx, e.Downloads, target, opt)
	}
	src := fetch.Source{URL: e.Archive.URL, Size: e.Archive.Size, SHA256: e.Archive.SHA256}
	archive := filepath.Join(dir, e.Name+"-"+path.Base(e.Archive.URL))
	if err := fetch.File(ctx, src, archive, opt); err != nil {
		return "", err
	}
	step("unpack", 0, -1)
	if err := unpackInto(ctx, archive, target); err != nil {
		return "", err
	}
	os.Remove(archive) // it was only the way here
	return target, nil
}

// getFiles downloads files one after the other beside the folder target, which is made of them when all are there.
func getFiles(ctx context.Context, files []Download, target string, opt fetch.Options) error {
	part := target + "-download"
	for _, f := range files {
		src := fetch.Source{URL: f.URL, Size: f.Size, SHA256: f.SHA256}
		if err := fetch.File(ctx, src, filepath.Join(part, f.Path), opt); err != nil {
			return err
		}
	}
	os.Remove(target) // an empty folder that is in the way
	if err := os.Rename(part, target); err != nil {
		return fmt.Errorf("cannot give the download its name: %w", err)
	}
	return nil
}

func unpackInto(ctx context.Context, archive, target string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("cannot unpack the download: %w", err)
	}
	defer f.Close()
	os.Remove(target) // an empty folder that is in the way; a full one stays and is refused below
	return unpack.TarGz(ctx, f, target, unpack.Limits{})
}
