// Package evaluate measures a CLIP on a data set: embeddings of all its pictures and texts, retrieval in both
// directions, classification by the names of the classes. Every figure has its number of examples and a 95% interval.
package evaluate
