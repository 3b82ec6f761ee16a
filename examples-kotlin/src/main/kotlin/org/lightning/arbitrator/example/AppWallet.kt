package org.lightning.arbitrator.example

import org.lightning.arbitrator.Coin
import org.lightning.arbitrator.CoinWitness
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.OutPoint
import org.lightning.arbitrator.WalletException

/** The least that an on-chain wallet can be: one script, paid to one key. */
class AppWallet(secretKey: ByteArray) : OnchainWallet {
    /** P2WSH of `<key> OP_CHECKSIG`: version 0 and the script's SHA256. */
    val script: ByteArray = run {
        val paysOneKey = byteArrayOf(33) + publicKey(secretKey) + byteArrayOf(0xac.toByte())
        byteArrayOf(0, 32) + sha256(paysOneKey)
    }

    override fun isOurAddress(script: ByteArray): Boolean = script.contentEquals(this.script)

    override fun sweepScript(): ByteArray = script

    /** No coins to spare: in channels with anchors, claims that need one for their fee wait until there is. */
    override fun coins(): List<Coin> = emptyList()

    override fun holdCoins(held: List<OutPoint>) {}

    override fun signCoins(psbt: ByteArray, inputs: List<UInt>): List<CoinWitness> =
        throw WalletException.Refused("there are no coins")
}
