package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/fetch"
)

// client asks one hub.
type client struct {
	Settings
	opt fetch.Options
}

func newClient(s Settings, progress Progress) *client {
	c := &client{Settings: s, opt: fetch.Options{Retry: progress.Retry, Client: progress.client, Backoff: progress.backoff, Disk: progress.disk}}
	if s.Token != "" {
		c.opt.Headers = map[string]string{"Authorization": "Bearer " + s.Token}
	}
	return c
}

// shown is the hub's address without a password.
func (c *client) shown() string {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return "the hub"
	}
	return u.Redacted()
}

// maxFiles is the most files of a repository that are looked at.
const maxFiles = 100_000

// files asks which commit a revision is and which files it has.
func (c *client) files(ctx context.Context, m Model) (commit string, names []string, err error) {
	answer, err := fetch.Ask(ctx, http.MethodGet, c.Endpoint+"/api/models/"+m.Repo+"/revision/"+url.PathEscape(m.Revision), c.opt)
	if err != nil {
		return "", nil, err
	}
	if answer.Status != http.StatusOK {
		return "", nil, c.refused(m, "", answer.Status, answer.Header)
	}
	var info struct {
		SHA      string `json:"sha"`
		Siblings []struct {
			Name string `json:"rfilename"`
		} `json:"siblings"`
	}
	if err := json.Unmarshal(answer.Body, &info); err != nil {
		return "", nil, fmt.Errorf("expected %s to describe %s in JSON, found: %w; check HF_ENDPOINT", c.shown(), m, err)
	}
	if !commitID.MatchString(info.SHA) || len(info.Siblings) > maxFiles {
		return "", nil, fmt.Errorf("expected %s to say which commit %s is, found %.60q and %d files", c.shown(), m, info.SHA, len(info.Siblings))
	}
	for _, file := range info.Siblings {
		if !safePath(file.Name) {
			return "", nil, fmt.Errorf("%s lists a file of %s that would leave the cache, %.100q: nothing was downloaded", c.shown(), m, file.Name)
		}
		names = append(names, file.Name)
	}
	return info.SHA, names, nil
}

// address is where a file of a commit lies.
func (c *client) address(m Model, commit, name string) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return c.Endpoint + "/" + m.Repo + "/resolve/" + commit + "/" + strings.Join(parts, "/")
}

// source asks for the checksum of a file, which is its ETag: a sha256 for large files, the name of the git object for the
// others. Anything else is refused: it becomes the name of a file, and what comes could not be checked.
func (c *client) source(ctx context.Context, m Model, commit, name string) (fetch.Source, error) {
	src := fetch.Source{URL: c.address(m, commit, name)}
	answer, err := fetch.Ask(ctx, http.MethodHead, src.URL, c.opt)
	if err != nil {
		return src, err
	}
	if answer.Status >= 400 {
		return src, c.refused(m, name, answer.Status, answer.Header)
	}
	headers := append([]http.Header{answer.Header}, answer.Via...)
	first := func(key string) string {
		for _, h := range headers {
			if value := h.Get(key); value != "" {
				return value
			}
		}
		return ""
	}
	if at := first("X-Repo-Commit"); at != "" && at != commit {
		return src, fmt.Errorf("expected %s of %s at commit %s, found that the hub gives it at %.60q; try again", name, m, commit, at)
	}
	tag, size := first("X-Linked-Etag"), first("X-Linked-Size")
	if tag == "" {
		tag = answer.Header.Get("ETag")
	}
	if size == "" && answer.Status < 300 {
		size = answer.Header.Get("Content-Length")
	}
	tag = strings.Trim(strings.TrimPrefix(tag, "W/"), `"`)
	switch {
	case sha256ID.MatchString(tag):
		src.SHA256 = tag
	case commitID.MatchString(tag):
		src.Blob = tag
	default:
		return src, fmt.Errorf("expected the checksum of %s of %s in its ETag, a sha256 or the name of a git object, found %.80q: nothing was downloaded; check HF_ENDPOINT", name, m, tag)
	}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil && n > 0 {
		src.Size = n
	}
	return src, nil
}

// refused is the sentence for an answer that is no file.
func (c *client) refused(m Model, file string, status int, header http.Header) error {
	what := m.String()
	if file != "" {
		what = file + " of " + what
	}
	return fmt.Errorf("cannot get %s: %s answers %d %s; %s", what, c.shown(), status, http.StatusText(status), c.advice(m, status, header))
}

// advice says what a user can do about a refusal. The hub says in X-Error-Code what it means.
func (c *client) advice(m Model, status int, header http.Header) string {
	page := c.shown() + "/" + m.Repo
	login := "set HF_TOKEN to a token of yours (see " + c.shown() + "/settings/tokens)"
	if c.Token != "" {
		login = "the token that was sent is not accepted for it: check HF_TOKEN"
	}
	switch code := header.Get("X-Error-Code"); {
	case code == "GatedRepo" && c.Token == "":
		return "the model is gated: accept its terms at " + page + " and " + login
	case code == "GatedRepo":
		return "the model is gated: accept its terms at " + page + " with the account whose token is sent"
	case code == "RevisionNotFound":
		return "it has no revision " + m.Revision + ": see " + page + "/tree/main for those that there are"
	case code == "EntryNotFound":
		return "it has no such file: see " + page + "/tree/" + m.Revision
	case code == "DisabledRepo":
		return "the hub has switched the model off: see " + page
	case code == "RepoNotFound", status == http.StatusUnauthorized: // 401 is also what the hub says of names that it does not know
		return "check the name; if the model is private, " + login
	case status == http.StatusForbidden:
		return "you may not have it: " + login
	case status == http.StatusNotFound:
		return "check the name and the revision"
	}
	return "see " + page
}
