// Package hub brings models from the Hugging Face hub, or a mirror of it, into the cache that its Python tools share:
//
//	HF_HOME/hub/models--ORG--NAME/refs/main            the commit that main was when it was last asked for
//	HF_HOME/hub/models--ORG--NAME/blobs/SUM            contents, named by their checksum
//	HF_HOME/hub/models--ORG--NAME/snapshots/COMMIT/    the files of a commit, links to ../../blobs/SUM
//
// What Python downloaded is found here and the reverse. [Get] downloads, [Resolve] finds what --model means.
//
// go-huggingface has a client of its own. It is not used because it trusts the server (seen in v0.4.1, docs/upstream.md):
// a connection that is cut mid-body is no error and leads to a path that does not exist, the sha256 is not checked, and an
// ETag with "../" in it is written outside of the cache. Here every content is held against the checksum that is its
// name, and every name is checked before it becomes a path.
package hub
