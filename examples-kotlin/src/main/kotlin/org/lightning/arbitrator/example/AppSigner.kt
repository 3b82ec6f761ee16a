package org.lightning.arbitrator.example

import fr.acinq.secp256k1.Secp256k1
import org.lightning.arbitrator.AnnouncementRequest
import org.lightning.arbitrator.ChannelKeys
import org.lightning.arbitrator.ChannelSecrets
import org.lightning.arbitrator.InputToSign
import org.lightning.arbitrator.KeyRole
import org.lightning.arbitrator.KeyTweak
import org.lightning.arbitrator.SignRequest
import org.lightning.arbitrator.Signer
import org.lightning.arbitrator.SignerException
import java.security.MessageDigest

/**
 * A signer of the app's own: it holds the channels' secrets, derives the keys of BOLT 3 and signs, all in Kotlin.
 *
 * The library never sees these secrets. It says which key signs what, and verifies what it gets.
 */
class AppSigner(private val secretsOf: (keysId: ByteArray) -> ChannelSecrets?) : Signer {
    override fun channelKeys(keysId: ByteArray): ChannelKeys = with(secrets(keysId)) {
        ChannelKeys(
            funding = publicKey(funding),
            revocationBasepoint = publicKey(revocationBase),
            paymentBasepoint = publicKey(payment),
            delayedPaymentBasepoint = publicKey(delayedPaymentBase),
            htlcBasepoint = publicKey(htlcBase),
        )
    }

    override fun perCommitmentPoint(keysId: ByteArray, number: ULong): ByteArray =
        publicKey(perCommitmentSecret(secrets(keysId).commitmentSeed, number))

    override fun sign(request: SignRequest): List<ByteArray> =
        request.inputs.map { Secp256k1.sign(it.sighash, signingKey(it)) }

    override fun signAnnouncement(request: AnnouncementRequest): ByteArray =
        Secp256k1.sign(request.digest, secrets(request.keysId).funding)

    private fun secrets(keysId: ByteArray): ChannelSecrets =
        secretsOf(keysId) ?: throw SignerException.Refused("no channel has keys of that name")

    private fun signingKey(input: InputToSign): ByteArray {
        val secrets = secrets(input.key.keysId)
        val base = when (input.key.role) {
            KeyRole.FUNDING -> secrets.funding
            KeyRole.PAYMENT -> secrets.payment
            KeyRole.DELAYED_PAYMENT -> secrets.delayedPaymentBase
            KeyRole.HTLC -> secrets.htlcBase
            KeyRole.REVOCATION -> secrets.revocationBase
        }
        return when (val tweak = input.key.tweak) {
            KeyTweak.Untweaked -> base
            is KeyTweak.Point -> derivedKey(base, tweak.point)
            is KeyTweak.Secret -> revocationKey(base, tweak.secret)
        }
    }
}

/** The compressed public key of a secret key. */
fun publicKey(secret: ByteArray): ByteArray = Secp256k1.pubKeyCompress(Secp256k1.pubkeyCreate(secret))

fun sha256(vararg parts: ByteArray): ByteArray =
    MessageDigest.getInstance("SHA-256").apply { parts.forEach(::update) }.digest()

// secp256k1 works on the arrays it is given, so each function below gives it copies.

/** BOLT 3: base secret + SHA256(point, basepoint). */
private fun derivedKey(base: ByteArray, point: ByteArray): ByteArray =
    Secp256k1.privKeyTweakAdd(base.copyOf(), sha256(point, publicKey(base)))

/** BOLT 3: base secret * SHA256(basepoint, point) + per-commitment secret * SHA256(point, basepoint). */
private fun revocationKey(base: ByteArray, secret: ByteArray): ByteArray {
    val (basepoint, point) = publicKey(base) to publicKey(secret)
    val ours = Secp256k1.privKeyTweakMul(base.copyOf(), sha256(basepoint, point))
    val theirs = Secp256k1.privKeyTweakMul(secret.copyOf(), sha256(point, basepoint))
    return Secp256k1.privKeyTweakAdd(ours, theirs)
}

/** BOLT 3: from the seed, for each bit set in the index, from the highest on: flip it in the secret, and hash. */
private fun perCommitmentSecret(seed: ByteArray, number: ULong): ByteArray {
    val index = (1uL shl 48) - 1uL - number
    return (47 downTo 0).filter { bit -> index shr bit and 1uL == 1uL }.fold(seed) { secret, bit ->
        val flipped = secret.copyOf()
        flipped[bit / 8] = (flipped[bit / 8].toInt() xor (1 shl bit % 8)).toByte()
        sha256(flipped)
    }
}
