package org.lightning.arbitrator.example

import org.bitcoindevkit.ChainPosition
import org.bitcoindevkit.Descriptor
import org.bitcoindevkit.DescriptorSecretKey
import org.bitcoindevkit.EsploraClient
import org.bitcoindevkit.KeychainKind
import org.bitcoindevkit.LocalOutput
import org.bitcoindevkit.Mnemonic
import org.bitcoindevkit.Persister
import org.bitcoindevkit.Psbt
import org.bitcoindevkit.Script
import org.bitcoindevkit.SignOptions
import org.bitcoindevkit.Wallet
import org.lightning.arbitrator.Coin
import org.lightning.arbitrator.CoinWitness
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.OutPoint
import org.lightning.arbitrator.WalletException
import java.util.Base64
import org.bitcoindevkit.Network as BdkNetwork

/** A wallet of the Bitcoin Dev Kit's that lends its coins: what an app with bdk-jvm or bdk-android writes. */
class BdkReserve(url: String) : OnchainWallet {
    private val secret = DescriptorSecretKey(BdkNetwork.REGTEST, Mnemonic.fromEntropy(ByteArray(16) { 5 }), null)
    private val descriptor = Descriptor.newBip84(secret, KeychainKind.EXTERNAL, BdkNetwork.REGTEST)
    private val wallet = Wallet.createSingle(descriptor, BdkNetwork.REGTEST, Persister.newInMemory())
    private val esplora = EsploraClient(url)

    /** Coins that it must not spend itself: an app gives them to `TxBuilder.unspendable`. */
    var held: List<OutPoint> = emptyList()
        private set

    fun address(): String = wallet.nextUnusedAddress(KeychainKind.EXTERNAL).address.toString()

    private fun follow() =
        wallet.applyUpdate(esplora.fullScan(wallet.startFullScan().build(), stopGap = 5uL, parallelRequests = 1uL))

    override fun isOurAddress(script: ByteArray): Boolean = wallet.isMine(Script(script))

    override fun sweepScript(): ByteArray =
        wallet.revealNextAddress(KeychainKind.EXTERNAL).address.scriptPubkey().toBytes()

    override fun coins(): List<Coin> {
        follow()
        return wallet.listUnspent().filter(::isDeep).map { coin ->
            val outpoint = OutPoint(coin.outpoint.txid.toString(), coin.outpoint.vout)
            Coin(outpoint, coin.txout.value.toSat(), coin.txout.scriptPubkey.toBytes(), P2WPKH_WITNESS)
        }
    }

    private fun isDeep(coin: LocalOutput): Boolean = when (val position = coin.chainPosition) {
        is ChainPosition.Confirmed ->
            position.confirmationBlockTime.blockId.height + DEPTH <= wallet.latestCheckpoint().height + 1u
        is ChainPosition.Unconfirmed -> false
    }

    override fun holdCoins(held: List<OutPoint>) {
        this.held = held
    }

    override fun signCoins(psbt: ByteArray, inputs: List<UInt>): List<CoinWitness> {
        val signed = Psbt(Base64.getEncoder().encodeToString(psbt))
        wallet.sign(signed, SIGN_OPTIONS)
        val all = signed.input()
        return inputs.map { index ->
            val witness = all[index.toInt()].finalScriptWitness
            CoinWitness(witness ?: throw WalletException.Refused("input $index is no coin of this wallet's"))
        }
    }

    private companion object {
        /** A coin may pay for claims when no reorg takes it back any more. */
        const val DEPTH = 6u
        const val P2WPKH_WITNESS: ULong = 108uL
        val SIGN_OPTIONS = SignOptions(
            trustWitnessUtxo = true,
            assumeHeight = null,
            allowAllSighashes = false,
            tryFinalize = true,
            signWithTapInternalKey = true,
            allowGrinding = true,
        )
    }
}
