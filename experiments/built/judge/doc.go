// Package judge has the pictures that the studies of generation learn from, small windows on scenes of one object, and the classifier
// that counts which samples are what their prompts say. The classifier has no part in making them.
package judge
