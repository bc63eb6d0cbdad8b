package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What scripts see of a download: the folder on standard output, the large file's bar on standard error.
func TestModelGet(t *testing.T) {
	weights := bytes.Repeat([]byte("weights "), 1<<18)
	const commit = "0123456789abcdef0123456789abcdef01234567"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/models/openai/tiny/revision/main":
			fmt.Fprintf(w, `{"sha":%q,"siblings":[{"rfilename":"model.safetensors"}]}`, commit)
		case "/openai/tiny/resolve/" + commit + "/model.safetensors":
			w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(weights)))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(weights))
		default:
			w.Header().Set("X-Error-Code", "RepoNotFound")
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer server.Close()
	home := t.TempDir()
	for name, value := range map[string]string{"HF_ENDPOINT": server.URL, "HF_HOME": home, "HF_HUB_CACHE": "", "HF_TOKEN": "", "HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "", "GLIMPSE_OFFLINE": ""} {
		t.Setenv(name, value)
	}
	call := func(args ...string) (stdout, stderr string, err error) {
		var out, errOut bytes.Buffer
		err = execute(t.Context(), newRoot(), append([]string{"model", "get"}, args...), nil, &out, &errOut)
		return out.String(), errOut.String(), err
	}
	stdout, stderr, err := call("openai/tiny")
	dir := filepath.Join(home, "hub", "models--openai--tiny", "snapshots", commit)
	if err != nil || stdout != dir+"\n" || !strings.Contains(stderr, "model.safetensors: 2.1/2.1 MB in") {
		t.Errorf("%q, %q, %v", stdout, stderr, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "model.safetensors")); err != nil || !bytes.Equal(got, weights) {
		t.Errorf("%d bytes of weights, %v", len(got), err)
	}
	if stdout, _, err := call("openai/tiny", "--json"); err != nil || stdout != fmt.Sprintf(`{"dir":%q,"files":["model.safetensors"],"bytes":%d}`+"\n", dir, len(weights)) {
		t.Errorf("%q, %v", stdout, err)
	}
	if stdout, _, err := call("openai/other"); err == nil || stdout != "" || !strings.Contains(err.Error(), "answers 401 Unauthorized; check the name; if the model is private, set HF_TOKEN") {
		t.Errorf("a model that there is none of: %q, %v", stdout, err)
	}
}
