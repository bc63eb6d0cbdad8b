package memo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/gofrs/flock"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Cache is a folder of results. It is made when it is first needed.
type Cache struct {
	Dir   string
	Limit int64 // bytes that results may take, about; 0 for [DefaultLimit]
	// Message is told, in one sentence, of a damaged result that is computed again. It may be nil.
	Message func(sentence string)
}

// DefaultLimit is 256 MiB.
const DefaultLimit = 256 << 20

// DefaultDir is the folder for results in the user's cache folder.
func DefaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("expected a cache folder of yours to keep results in, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	return filepath.Join(cache, "glimpse", "memo"), nil
}

// Do returns the result of key: that of an earlier call if there is one and it is whole, else what compute returns. dir is the
// folder that holds results, "" for [DefaultDir]. A result is a value that JSON keeps whole: exported fields, finite numbers.
// One that is not is an error, and so is what compute fails with; neither is kept. compute may call Do for other keys.
func Do[T any](dir string, key Key, compute func() (T, error)) (T, error) {
	if dir == "" {
		found, err := DefaultDir()
		if err != nil {
			var none T
			return none, err
		}
		dir = found
	}
	return In(Cache{Dir: dir}, key, compute)
}

// In is [Do] with a cache of the caller's.
func In[T any](c Cache, key Key, compute func() (T, error)) (T, error) {
	var none T
	head, err := newHeader(key)
	if err != nil {
		return none, err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return none, fmt.Errorf("expected a folder for results that can be written to at %s, found: %w", c.Dir, err)
	}
	path := filepath.Join(c.Dir, head.file())
	lock := flock.New(path + lockEnding)
	if err := lock.Lock(); err != nil { // waits for another process that computes the same
		return none, fmt.Errorf("expected a folder for results that can be written to at %s, found: %w", c.Dir, err)
	}
	defer lock.Close()
	var value T
	err = read(path, head, &value)
	if err == nil {
		now := time.Now()
		_ = os.Chtimes(path, now, now) // used just now; on a read-only disk it stays as it was
		return value, nil
	}
	if !errors.Is(err, fs.ErrNotExist) && c.Message != nil {
		c.Message(fmt.Sprintf("the kept result %s cannot be used: %v; it is computed again", path, err))
	}
	removeLeftovers(path) // nobody else writes while we hold the lock
	computed, err := compute()
	if err != nil {
		return none, err
	}
	data, err := encode(computed)
	if err != nil {
		return none, fmt.Errorf("cannot keep the result of %q: %w", key.Name, err)
	}
	if err := atomicfile.WriteFile(path, head.whole(data)); err != nil {
		return none, err
	}
	c.evict(path)
	return computed, nil
}

// encode is a value as JSON, if that keeps it whole.
func encode[T any](value T) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("expected a value that can be written as JSON, with finite numbers, found: %w", err)
	}
	var back T
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, value) {
		return nil, fmt.Errorf("expected a value of type %T that JSON keeps whole, found one that comes back changed: "+
			"let the function return exported fields, numbers, texts, lists and maps of them", value)
	}
	return data, nil
}

// read reads a result and checks every byte of its file.
func read(path string, head header, value any) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, data, _ := bytes.Cut(file, []byte("\n"))
	if !bytes.Equal(file, head.whole(data)) {
		return errors.New("its bytes have changed since they were written")
	}
	err = json.Unmarshal(data, value)
	if again, _ := json.Marshal(value); err != nil || !bytes.Equal(again, data) { // a field that was renamed would be zero
		return errors.New("it is of another type than is asked for")
	}
	return nil
}
