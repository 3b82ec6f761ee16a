package org.lightning.arbitrator.example

import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import org.lightning.arbitrator.ChannelKeys
import org.lightning.arbitrator.ChannelSecrets
import org.lightning.arbitrator.ChannelTerms
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.ChannelUpdate
import org.lightning.arbitrator.CommitmentUpdate
import org.lightning.arbitrator.Direction
import org.lightning.arbitrator.FundingSignatures
import org.lightning.arbitrator.Htlc
import org.lightning.arbitrator.HtlcKey
import org.lightning.arbitrator.HtlcOrigin
import org.lightning.arbitrator.LocalUpdate
import org.lightning.arbitrator.OutPoint
import org.lightning.arbitrator.Party
import org.lightning.arbitrator.PartyTerms
import org.lightning.arbitrator.RemoteUpdate

/** Where a channel's funding transaction is when the test begins: in a block, or nobody has seen it. */
enum class Funding { CONFIRMED, WITHHELD }

/** A channel with the testkit's counterparty, in the words of the library: what an app's channel engine would have. */
class Partner(private val testkit: Testkit, type: ChannelType, funding: Funding) {
    private val opened = testkit.post(
        "/channels",
        """{"setup": {"channel_type": "${type.name.lowercase()}"}, "funding": "${funding.name.lowercase()}"}""",
    )
    private val path = "/channels/${opened.value("id").int}"
    private val given = opened.obj("terms")

    val keysId: ByteArray = sha256(path.toByteArray())
    val channel: OutPoint = outPoint(given.value("funding").content)
    val secrets: ChannelSecrets = opened.obj("our_secrets").let {
        ChannelSecrets(
            funding = it.bytes("funding"),
            revocationBase = it.bytes("revocation_base"),
            payment = it.bytes("payment"),
            delayedPaymentBase = it.bytes("delayed_payment_base"),
            htlcBase = it.bytes("htlc_base"),
            commitmentSeed = it.bytes("commitment_seed"),
        )
    }
    val terms = ChannelTerms(
        funding = channel,
        capacitySat = given.value("capacity_sat").long.toULong(),
        fundingTransaction = opened.bytes("funding_tx"),
        channelType = type,
        peer = given.obj("peer_keys").bytes("funding_pubkey"),
        opener = Party.LOCAL,
        keysId = keysId,
        local = party("our", "us"),
        remote = party("peer", "peer"),
    )

    /** The first commitments of both sides. */
    val first: Round = round(opened.obj("round"))

    /** HTLCs come and go, and both sides commit to the result. [body] is the testkit's request. */
    fun update(body: String): Round = round(testkit.post("$path/update", body))

    /** Two payments, one each way, that stay in flight. */
    fun pay(): Round = update(
        """{"add": [{"direction": "outgoing", "amount_msat": 30000000, "cltv_expiry": 700},
                    {"direction": "incoming", "amount_msat": 20000000, "cltv_expiry": 800}]}""",
    )

    /** Both payments of [pay] arrive. */
    fun settle(): Round = update(
        """{"settle": [{"direction": "outgoing", "id": 0, "how": "fulfil"},
                       {"direction": "incoming", "id": 0, "how": "fulfil"}]}""",
    )

    /** The peer's newest commitment goes to the mempool; its txid. */
    fun closes(): String = testkit.post("$path/peer-closes").value("txid").content

    /** A cooperative close that both sides signed, kept back. */
    fun cooperativeClose(): ByteArray = testkit.post("$path/coop", """{"send": "keep"}""").bytes("tx")

    /** The peer's node gets a message of the opening from [ourNode]; it must accept it. */
    fun hears(message: ByteArray, ourNode: ByteArray): Heard {
        val body = """{"message": "${message.toHexString()}", "our_node": "${ourNode.toHexString()}"}"""
        val heard = testkit.post("$path/peer-hears", body)
        return Heard(heard.value("short_channel_id").contentOrNull, heard.value("answer").contentOrNull?.hexToByteArray())
    }

    /** The peer is connected again: its `channel_reestablish`, which says what [says] has of it. */
    fun reconnects(says: String = "{}"): ByteArray = testkit.post("$path/peer-reconnects", says).bytes("message")

    /** What is ours outside HTLCs. */
    fun balanceSat(): Long = testkit.get(path).value("to_us_msat").long / 1000

    private fun party(prefix: String, name: String): PartyTerms {
        val keys = given.obj("${prefix}_keys")
        return PartyTerms(
            keys = ChannelKeys(
                funding = keys.bytes("funding_pubkey"),
                revocationBasepoint = keys.bytes("revocation_basepoint"),
                paymentBasepoint = keys.bytes("payment_basepoint"),
                delayedPaymentBasepoint = keys.bytes("delayed_payment_basepoint"),
                htlcBasepoint = keys.bytes("htlc_basepoint"),
            ),
            dustLimitSat = given.value("${prefix}_dust_limit_sat").long.toULong(),
            toSelfDelay = given.value("${prefix}_delay").int.toUShort(),
            reserveSat = 10_000uL,
            shutdownScript = given.bytes("${prefix}_shutdown_script"),
            initialBalanceMsat = given.value("initial_to_${name}_msat").long.toULong(),
            firstPerCommitmentPoint =
                given.getValue("${prefix}_first_points").jsonArray[0].jsonPrimitive.content.hexToByteArray(),
        )
    }

    private fun round(round: JsonObject) = Round(
        remote = round.obj("remote").let { RemoteUpdate(commitment(it), it.bytes("per_commitment_point")) },
        revocation = (round["revocation"] as? JsonObject)?.let {
            ChannelUpdate.Revocation(it.value("number").long.toULong(), it.bytes("secret"), it.bytes("next_point"))
        },
        local = round.obj("local").let {
            val htlcs = it.getValue("htlc_signatures").jsonArray.map { one -> one.jsonPrimitive.content.hexToByteArray() }
            LocalUpdate(commitment(it), listOf(FundingSignatures(channel, it.bytes("signature"), htlcs)))
        },
    )
}

/** What the peer's node made of a message: what it calls the channel, and its own message of the same kind. */
class Heard(val shortChannelId: String?, val answer: ByteArray?)

/** One exchange, in the order in which the library must hear of it. */
class Round(val remote: RemoteUpdate, val revocation: ChannelUpdate.Revocation?, val local: LocalUpdate)

private fun outPoint(text: String) = text.split(":").let { (txid, vout) -> OutPoint(txid, vout.toUInt()) }

private fun commitment(update: JsonObject) = CommitmentUpdate(
    number = update.value("number").long.toULong(),
    feeratePerKw = update.value("feerate_per_kw").int.toUInt(),
    localMsat = update.value("to_us_msat").long.toULong(),
    remoteMsat = update.value("to_peer_msat").long.toULong(),
    htlcs = update.getValue("htlcs").jsonArray.map { htlc(it.jsonObject) },
)

private fun htlc(htlc: JsonObject) = Htlc(
    key = HtlcKey(Direction.valueOf(htlc.value("direction").content.uppercase()), htlc.value("id").long.toULong()),
    paymentHash = htlc.bytes("payment_hash"),
    amountMsat = htlc.value("amount_msat").long.toULong(),
    cltvExpiry = htlc.value("cltv_expiry").int.toUInt(),
    origin = HtlcOrigin.Own,
)
