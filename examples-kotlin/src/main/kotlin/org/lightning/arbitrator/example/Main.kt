package org.lightning.arbitrator.example

import kotlinx.coroutines.runBlocking
import org.lightning.arbitrator.ArbitratorConfig
import org.lightning.arbitrator.KeyCrypto
import org.lightning.arbitrator.Network
import org.lightning.arbitrator.SeedSigner
import org.lightning.arbitrator.libraryVersion

/** Wakes once: `Main DATABASE ESPLORA_URL SEED_HEX`, on regtest, with the library's own signer. */
fun main(arguments: Array<String>) {
    val (database, esplora, seedHex) = arguments.also { require(it.size == 3) { "Main DATABASE ESPLORA_URL SEED_HEX" } }
    val seed = seedHex.hexToByteArray()
    println("lightning-arbitrator ${libraryVersion()}")
    val report = runBlocking {
        val config = ArbitratorConfig(Network.REGTEST, database, esplora)
        // A key of its own, so that what opens the database signs nothing.
        val databaseKey = KeyCrypto(sha256("database".toByteArray(), seed))
        // This program is no node, and connected to nobody: what peers are to be told goes on waiting.
        wake(config, SeedSigner(seed), AppWallet(sha256(seed)), databaseKey, peers = { false }, show = ::println)
    }
    val seconds = secondsToSleep(report.sleep, System.currentTimeMillis() / 1000)
    println("tip ${report.tip?.height ?: "unknown"}, wake again in ${seconds?.let { "$it seconds" } ?: "any time"}")
}
