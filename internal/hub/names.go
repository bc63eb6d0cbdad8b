package hub

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// Model names a repository on the hub at a revision.
type Model struct {
	Repo     string // ORG/NAME, or NAME alone
	Revision string // branch, tag, commit or refs/pr/N
}

var (
	repoPart = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$`)
	commitID = regexp.MustCompile(`^[0-9a-f]{40}$`)
	sha256ID = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// ParseModel checks the name of a repository and a revision, both of which become parts of paths and addresses.
func ParseModel(repo, revision string) (Model, error) {
	parts := strings.Split(repo, "/")
	for _, part := range parts {
		if len(parts) > 2 || !repoPart.MatchString(part) || strings.Contains(part, "--") || strings.Contains(part, "..") || strings.HasSuffix(part, ".git") {
			return Model{}, fmt.Errorf("expected the name of a model on the hub, such as openai/clip-vit-base-patch32, found %q", repo)
		}
	}
	if !safePath(revision) || strings.ContainsAny(revision, " ~^?*[") {
		return Model{}, fmt.Errorf("expected a revision (a branch, a tag, a commit or refs/pr/N), found %q", revision)
	}
	return Model{Repo: repo, Revision: revision}, nil
}

func (m Model) String() string {
	if m.Revision == "main" {
		return m.Repo
	}
	return m.Repo + " at " + m.Revision
}

// command brings the model.
func (m Model) command() string {
	if m.Revision == "main" {
		return "glimpse model get " + m.Repo
	}
	return "glimpse model get " + m.Repo + " --revision " + shell.Quote(m.Revision)
}

// folder is the model's folder in the cache.
func (m Model) folder() string { return "models--" + strings.ReplaceAll(m.Repo, "/", "--") }

// safePath says whether a name with slashes, from the server or the user, stays below the folder that it is joined to, on
// every system, and is written in the one shortest way.
func safePath(name string) bool {
	return name != "" && len(name) <= 1000 && utf8.ValidString(name) && path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name)) &&
		!strings.ContainsAny(name, `\:`) && !strings.ContainsFunc(name, unicode.IsControl) && name != "."
}
