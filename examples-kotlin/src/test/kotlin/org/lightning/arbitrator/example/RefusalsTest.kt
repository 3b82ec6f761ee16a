package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.ChannelUpdate
import org.lightning.arbitrator.CommitmentUpdate
import org.lightning.arbitrator.Direction
import org.lightning.arbitrator.HtlcKey
import org.lightning.arbitrator.LocalUpdate
import org.lightning.arbitrator.OutPoint
import org.lightning.arbitrator.Party
import org.lightning.arbitrator.Received
import org.lightning.arbitrator.Refusal
import org.lightning.arbitrator.RemoteUpdate

/** Every error arrives as its own typed case with its data, and has changed nothing. */
@Timeout(60)
class RefusalsTest {
    /** On a channel with its first commitments, and an exchange with two payments at hand that nobody was told of yet. */
    private fun refusing(test: suspend Device.(ChainArbitrator, Round) -> Unit) = onDevice {
        val arbitrator = open()
        start(arbitrator)
        val before = arbitrator.position(channel).local
        val next = partner.pay()
        test(arbitrator, next)
        assertEquals(before, arbitrator.position(channel).local, "the refused update changed something")
        feed(arbitrator, next)
    }

    @Test
    fun `a wrong signature of a commitment`() = refusing { arbitrator, next ->
        val wrong = next.local.signed { _, htlcs -> htlcs[0] to htlcs }
        val error = refusal<ArbitratorException.CommitmentSignature> { arbitrator.localCommitment(channel, wrong) }
        assertEquals(channel to 1uL, error.channel to error.number)
        assertEquals("channel ${channel.txid}:0: the peer's signature of commitment 1 does not verify", "$error")
    }

    @Test
    fun `a wrong signature of the second HTLC`() = refusing { arbitrator, next ->
        val wrong = next.local.signed { commitment, htlcs -> commitment to listOf(htlcs[0], htlcs[0]) }
        val error = refusal<ArbitratorException.HtlcSignature> { arbitrator.localCommitment(channel, wrong) }
        assertEquals(1uL, error.index)
    }

    @Test
    fun `an HTLC signature too few`() = refusing { arbitrator, next ->
        val wrong = next.local.signed { commitment, htlcs -> commitment to htlcs.take(1) }
        val error = refusal<ArbitratorException.HtlcSignatureCount> { arbitrator.localCommitment(channel, wrong) }
        assertEquals(1uL to 2uL, error.given to error.expected)
    }

    @Test
    fun `signatures for a funding that the channel does not have`() = refusing { arbitrator, next ->
        val stranger = OutPoint(channel.txid, 9u)
        val wrong = next.local.copy(signatures = next.local.signatures.map { it.copy(funding = stranger) })
        val error = refusal<ArbitratorException.FundingSignatures> { arbitrator.localCommitment(channel, wrong) }
        assertEquals(stranger, error.funding)
    }

    @Test
    fun `a secret that is not the revoked commitment's`() = refusing { arbitrator, next ->
        arbitrator.remoteCommitment(channel, next.remote)
        val error = refusal<ArbitratorException.WrongSecret> {
            arbitrator.revocation(channel, 0uL, sha256(), next.revocation!!.nextPoint)
        }
        assertEquals(0uL, error.number)
    }

    @Test
    fun `one of several updates that are told together, by its place`() = refusing { arbitrator, next ->
        arbitrator.remoteCommitment(channel, next.remote)
        val wrong = next.local.signed { _, htlcs -> htlcs[0] to htlcs }
        val error = refusal<ArbitratorException.UpdateRefused> {
            arbitrator.updates(channel, listOf(next.revocation!!, ChannelUpdate.Local(wrong)))
        }
        assertEquals(1u, error.index)
        assertTrue(error.refusal is ArbitratorException.CommitmentSignature, "$error")
        assertNull(arbitrator.position(channel).remoteRevoked, "the good one was stored without the other")
    }

    @Test
    fun `amounts above the capacity`() = refusing { arbitrator, next ->
        val wrong = next.remote.numbers { it.copy(localMsat = it.localMsat + 1uL) }
        val error = refusal<ArbitratorException.AboveCapacity> { arbitrator.remoteCommitment(channel, wrong) }
        assertEquals(1_000_000_001uL to 1_000_000uL, error.claimedMsat to error.capacitySat)
    }

    @Test
    fun `amounts that leave something to nobody`() = refusing { arbitrator, next ->
        val wrong = next.remote.numbers { it.copy(localMsat = it.localMsat - 1uL) }
        refusal<ArbitratorException.Unbalanced> { arbitrator.remoteCommitment(channel, wrong) }
    }

    @Test
    fun `a number out of order`() = refusing { arbitrator, next ->
        val wrong = next.remote.numbers { it.copy(number = 2uL) }
        val error = refusal<ArbitratorException.OutOfOrder> { arbitrator.remoteCommitment(channel, wrong) }
        assertEquals(Triple(Party.REMOTE, 2uL, 1uL), Triple(error.party, error.number, error.expected))
    }

    @Test
    fun `an HTLC that contradicts itself`() = refusing { arbitrator, next ->
        val wrong = next.remote.numbers { it.copy(htlcs = it.htlcs + it.htlcs[0]) }
        val error = refusal<ArbitratorException.HtlcRefused> { arbitrator.remoteCommitment(channel, wrong) }
        assertEquals(next.remote.commitment.htlcs[0].key, error.htlc)
    }

    @Test
    fun `the release of an HTLC that never was`() = refusing { arbitrator, _ ->
        val never = HtlcKey(Direction.INCOMING, 77uL)
        val error = refusal<ArbitratorException.UnknownHtlc> { arbitrator.release(channel, never) }
        assertEquals(never, error.htlc)
    }

    @Test
    fun `an unknown channel`() = refusing { arbitrator, next ->
        val stranger = OutPoint(channel.txid, 9u)
        val error = refusal<ArbitratorException.UnknownChannel> { arbitrator.remoteCommitment(stranger, next.remote) }
        assertEquals(stranger, error.channel)
    }

    @Test
    fun `other terms for a channel that is registered`() = refusing { arbitrator, _ ->
        val error = refusal<ArbitratorException.TermsDiffer> { arbitrator.register(partner.terms.copy(opener = Party.REMOTE)) }
        assertEquals("opener", error.field)
    }

    @Test
    fun `a cooperative close of something else`() = refusing { arbitrator, _ ->
        val funding = checkNotNull(partner.terms.fundingTransaction)
        refusal<ArbitratorException.ClosingTransaction> { arbitrator.closingSigned(channel, funding) }
    }

    @Test
    fun `a peer that is connected again with another secret than ours`() = refusing { arbitrator, _ ->
        val wrong = partner.reconnects("""{"next_revocation_number": 6, "last_secret": "${sha256().toHexString()}"}""")
        val error = refusal<ArbitratorException.ReestablishSecret> { arbitrator.peerMessage(partner.terms.peer, wrong) }
        assertEquals(channel to 5uL, error.channel to error.number)
    }

    @Test
    fun `a peer that expects more than was ever signed`() = refusing { arbitrator, _ ->
        val ahead = partner.reconnects("""{"next_commitment_number": 9, "next_revocation_number": 0}""")
        val error = refusal<ArbitratorException.BehindPeer> { arbitrator.peerMessage(partner.terms.peer, ahead) }
        assertEquals(1uL to 9uL, error.ours to error.peers)
    }

    @Test
    fun `a channel of which the peer proves that data was lost`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        // The library was told of none of it.
        partner.pay()
        partner.settle()
        assertEquals(Received.DATA_LOST, arbitrator.peerMessage(partner.terms.peer, partner.reconnects()))
        assertEquals(Refusal.DataLoss, arbitrator.position(channel).refusal)
    }

    @Test
    fun `a commitment for a channel that is closing`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        arbitrator.forceClose(channel)
        val error = refusal<ArbitratorException.Closing> { arbitrator.remoteCommitment(channel, partner.pay().remote) }
        assertEquals(channel to Refusal.ForceClose, error.channel to error.reason)
        assertEquals(Refusal.ForceClose, arbitrator.position(channel).refusal)
    }

    @Test
    fun `the force close of a channel without a commitment`() = onDevice {
        val arbitrator = open()
        arbitrator.register(partner.terms)
        refusal<ArbitratorException.NothingToBroadcast> { arbitrator.forceClose(channel) }
    }

    @Test
    fun `bytes and numbers that cannot be, by the path of the field`() = refusing { arbitrator, next ->
        val local = partner.terms.local
        val wrongKey = partner.terms.copy(local = local.copy(keys = local.keys.copy(funding = ByteArray(32))))
        val fields = listOf<suspend () -> Unit>(
            { arbitrator.register(wrongKey) },
            { arbitrator.position(OutPoint("not hex", 0u)) },
            { arbitrator.localCommitment(channel, next.local.signed { _, htlcs -> ByteArray(71) to htlcs }) },
            { arbitrator.remoteCommitment(channel, next.remote.numbers { it.copy(number = 1uL shl 48) }) },
            { arbitrator.revocation(channel, 0uL, ByteArray(31), next.revocation!!.nextPoint) },
            { arbitrator.closingSigned(channel, byteArrayOf(1, 2, 3)) },
        ).map { call -> refusal<ArbitratorException.InvalidInput> { call() }.field }
        val paths = listOf(
            "terms.local.keys.funding", "channel.txid", "update.signatures[0].commitment", "update.commitment.number",
            "secret", "transaction",
        )
        assertEquals(paths, fields)
    }
}

private fun LocalUpdate.signed(change: (ByteArray, List<ByteArray>) -> Pair<ByteArray, List<ByteArray>>): LocalUpdate {
    val given = signatures.single()
    val (commitment, htlcs) = change(given.commitment, given.htlcs)
    return copy(signatures = listOf(given.copy(commitment = commitment, htlcs = htlcs)))
}

private fun RemoteUpdate.numbers(change: (CommitmentUpdate) -> CommitmentUpdate) =
    copy(commitment = change(commitment))
