package org.lightning.arbitrator.example

import org.lightning.arbitrator.libraryVersion

/** Says which native library the app runs on. */
fun main() {
    println("lightning-arbitrator ${libraryVersion()}")
}
