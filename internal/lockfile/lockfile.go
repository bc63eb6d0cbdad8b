// Package lockfile keeps other processes away by a lock file that is removed at the end.
package lockfile

import (
	"os"

	"github.com/gofrs/flock"
)

// Try makes the file path and locks it, until unlock is called, which removes it. ok is false while somebody else holds it. Because
// the one before removes the file, whoever gets the lock looks whether it is still the one of that name.
func Try(path string) (unlock func(), ok bool, err error) {
	for {
		l := flock.New(path)
		ok, err := l.TryLock()
		if err != nil || !ok {
			l.Close()
			return nil, false, err
		}
		held, heldErr := l.Stat()
		named, namedErr := os.Stat(path)
		if heldErr == nil && namedErr == nil && os.SameFile(held, named) {
			return func() {
				os.Remove(path)
				l.Close()
			}, true, nil
		}
		l.Close()
	}
}
