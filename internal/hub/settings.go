package hub

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Settings say where the hub is, where the cache lies and who asks. [FromEnvironment] fills them.
type Settings struct {
	Endpoint string // such as https://huggingface.co
	Cache    string // folder of the models--ORG--NAME folders
	Token    string // of a user; empty for what everybody may have
	Offline  bool
}

// FromEnvironment reads the variables of Hugging Face's tools: HF_ENDPOINT, HF_HUB_CACHE, HF_HOME, HF_TOKEN (else the file
// HF_TOKEN_PATH or HF_HOME/token), HF_HUB_OFFLINE; and GLIMPSE_OFFLINE.
func FromEnvironment() (Settings, error) {
	home, err := homeFolder()
	if err != nil {
		return Settings{}, err
	}
	s := Settings{
		Endpoint: strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), "https://huggingface.co"), "/"),
		Cache:    cmp.Or(expand(os.Getenv("HF_HUB_CACHE")), expand(os.Getenv("HUGGINGFACE_HUB_CACHE")), filepath.Join(home, "hub")),
		Offline:  isSet("HF_HUB_OFFLINE") || isSet("TRANSFORMERS_OFFLINE") || os.Getenv("GLIMPSE_OFFLINE") == "1",
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return s, fmt.Errorf("expected HF_ENDPOINT to be an address such as https://huggingface.co, found %q", s.Endpoint)
	}
	s.Token, err = token(home)
	return s, err
}

// homeFolder is HF_HOME, by default huggingface in the user's cache folder as Python's tools see it.
func homeFolder() (string, error) {
	if home := expand(os.Getenv("HF_HOME")); home != "" {
		return home, nil
	}
	if cache := expand(os.Getenv("XDG_CACHE_HOME")); cache != "" {
		return filepath.Join(cache, "huggingface"), nil
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("expected a home folder to keep models in, found none (%w); set HF_HOME to a folder", err)
	}
	return filepath.Join(user, ".cache", "huggingface"), nil
}

// token is the user's, "" when there is none. It goes into a header, so it must be one word.
func token(home string) (string, error) {
	word := strings.TrimSpace(cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN")))
	where := "HF_TOKEN"
	if word == "" && isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
		return "", nil
	}
	if word == "" {
		where = cmp.Or(expand(os.Getenv("HF_TOKEN_PATH")), filepath.Join(home, "token"))
		text, err := os.ReadFile(where)
		if err != nil {
			return "", nil // most users have none
		}
		word = strings.TrimSpace(string(text))
	}
	if strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("expected a token of plain letters in %s, found other characters", where)
	}
	return word, nil
}

// isSet reads a switch as Python's tools do.
func isSet(name string) bool {
	switch strings.ToUpper(os.Getenv(name)) {
	case "1", "ON", "YES", "TRUE":
		return true
	}
	return false
}

// expand replaces ~ at the start of a path by the user's home folder.
func expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if home, err := os.UserHomeDir(); ok && err == nil && (rest == "" || os.IsPathSeparator(rest[0])) {
		return home + rest
	}
	return path
}
