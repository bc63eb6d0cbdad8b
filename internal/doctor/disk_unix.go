//go:build unix

package doctor

import "syscall"

// diskFree is how many bytes an ordinary user may still write below dir; 0 when unknown.
func diskFree(dir string) int64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * int64(s.Bsize)
}
