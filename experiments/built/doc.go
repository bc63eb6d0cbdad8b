// Package built holds the experiments on what is built on CLIP, the lesson's sixth part: each a package below this one, with a page of its own (package
// lesson, series built). The package lesson/studies lists them.
package built
