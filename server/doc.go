// Package server puts the rooms of the messenger's server together and runs the sessions of its clients: a link comes in, becomes a stream,
// and everything read from it goes through server/deliver.
//
// It knows which rooms there are and in what order they start and stop. What the rooms do stands in them. Listeners, files, flags and metrics
// come from outside (package app); nothing of the client may enter.
package server
