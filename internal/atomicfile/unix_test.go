//go:build linux

package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestPermissions(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	path := filepath.Join(t.TempDir(), "a.txt")
	for _, want := range []os.FileMode{0o640, 0o600, 0o666} { // 0644 less the umask; then what the file has
		if want != 0o640 {
			if err := os.Chmod(path, want); err != nil {
				t.Fatal(err)
			}
		}
		if err := WriteFile(path, nil); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("expected the mode %v, found %v (%v)", want, info.Mode(), err)
		}
	}
}

// child runs a test of this binary in a process of its own, which finds path in the environment.
func child(test, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), childPath+"="+path)
	return cmd
}

const childPath = "ATOMICFILE_TEST_PATH"

// A limit on the size of files stands in for a full disk: both make a write fail half-way.
func TestDiskThatFillsUp(t *testing.T) {
	if path := os.Getenv(childPath); path != "" {
		fillUp(path)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.txt")
	if err := WriteFile(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	out, err := child("TestDiskThatFillsUp", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	sentence(t, errors.New(string(out)), "4096 bytes: ", "cannot write "+path, "file too large", "untouched")
	if got := content(path); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	only(t, dir, "a.txt")
}

// fillUp writes more than fits, and prints how much did and the error.
func fillUp(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: 4096}); err != nil {
		fmt.Print(err)
	}
	written := 0
	err := Write(path, func(w io.Writer) error {
		for range 4 {
			n, err := w.Write(make([]byte, 2000))
			if written += n; err != nil {
				return err
			}
		}
		return nil
	})
	fmt.Printf("%d bytes: %v", written, err)
	os.Exit(0)
}

// device makes a name in dir for one of the machine's devices. Root gets a device of its own: code that replaces devices
// must not find the machine's at the end of a link. Others cannot do harm.
func device(t *testing.T, dir, name string, minor int) {
	t.Helper()
	path := filepath.Join(dir, name)
	if os.Geteuid() != 0 {
		if err := os.Symlink("/dev/"+name, path); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := syscall.Mknod(path, syscall.S_IFCHR|0o666, 1<<8|minor); err != nil {
		t.Skipf("this machine lets root make no devices: %v", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("devices do not work in %s: %v", dir, err)
	}
	f.Close()
}

// A device is written to and stays one.
func TestDevices(t *testing.T) {
	dir := t.TempDir()
	device(t, dir, "null", 3)
	device(t, dir, "full", 7)
	if err := os.Symlink("full", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(filepath.Join(dir, "null"), []byte("gone")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"full", "link"} {
		path := filepath.Join(dir, name)
		err := WriteFile(path, []byte("too much"))
		sentence(t, err, "cannot write "+path, "no space left")
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v does not wrap ENOSPC", err)
		}
		f, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Abort() // must not remove the device
	}
	for _, name := range []string{"null", "full", "link"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&os.ModeCharDevice == 0 {
			t.Errorf("%s is no device any more: %v", name, err)
		}
	}
	only(t, dir, "full", "link", "null")
}

func TestPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 1)
	go func() { got <- content(path) }() // opening either end waits for the other
	if err := WriteFile(path, []byte("through the pipe")); err != nil {
		t.Error(err)
	}
	select {
	case text := <-got:
		if text != "through the pipe" {
			t.Errorf("the reader found %q", text)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing came through the pipe")
	}
	only(t, dir, "pipe")
}

// /dev/stdout is what the shell made of it: a pipe, or a file that others write to as well.
func TestStandardOutput(t *testing.T) {
	if path := os.Getenv(childPath); path != "" {
		fmt.Print("before;")
		if err := WriteFile(path, []byte("content;")); err != nil {
			fmt.Print(err)
		}
		fmt.Print("after;")
		os.Exit(0)
	}
	dir := t.TempDir()
	for _, path := range []string{"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"} {
		piped, err := child("TestStandardOutput", path).Output()
		if err != nil || string(piped) != "before;content;after;" {
			t.Errorf("%s into a pipe: found %q (%v)", path, piped, err)
		}
		file, err := os.OpenFile(filepath.Join(dir, "out"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		cmd := child("TestStandardOutput", path)
		cmd.Stdout = file
		err = cmd.Run()
		file.Close()
		if got := content(filepath.Join(dir, "out")); err != nil || got != "before;content;after;" {
			t.Errorf("%s into a file: found %q (%v)", path, got, err)
		}
		only(t, dir, "out")
	}
}
