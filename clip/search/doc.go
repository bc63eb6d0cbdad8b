// Package search finds the pictures that lie nearest to a text or to another picture: the embeddings of a folder of pictures,
// kept on disk, and an exact scan over them (Radford et al. 2021, arXiv 2103.00020, use such cosines for zero-shot retrieval).
//
// An index is a folder of three files. meta.json says what the other two hold, with the checksums of all their bytes:
// vectors-N.f16 (or .f32), the rows, little-endian, nothing else; and files-N.table, which picture each row belongs to. They
// are never changed. A new state of an index is a new pair of files and then a new meta.json, which appears whole or not
// at all: who reads sees the old state or the new one. Rows are in the order of their pictures' paths, so that an index
// that was brought up to date and one that was made afresh are the same.
//
// The files read in this order: meta.go and table.go (the files), index.go (opening), dot.go and dot_simd.go (scores), scan.go
// (search), update.go, walk.go, encode.go, segment.go and finish.go (how an index is made, and goes on after it was stopped),
// clip.go (a CLIP model as the encoder), export.go and npy.go (for other programs).
//
// The search is exact: what comes near in float32 is scored again in float64, with a bound on the error of float32 that
// holds for every order of summation. Left out on purpose: approximate search. Where one machine ends, [Index.Export] writes the
// layout of clip-retrieval, which Faiss, Qdrant and Milvus take.
package search
