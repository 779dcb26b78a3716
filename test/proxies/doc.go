// Package proxies tests the SDK behind what stands between it and the service:
// load balancers, content delivery networks and proxies, played by scripts over
// HTTP/1.1 and HTTP/2, and nginx itself where it is installed.
package proxies
