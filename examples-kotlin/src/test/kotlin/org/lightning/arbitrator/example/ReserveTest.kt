package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.BroadcastOutcome
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.Look
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.OutPoint
import org.lightning.arbitrator.ReserveBalance
import org.lightning.arbitrator.ReserveLook
import org.lightning.arbitrator.ResumeOptions

/** An address of the user's, in another wallet (BIP 173's example, on regtest). */
private const val ANOTHER_ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

/** What fees are paid from: the app's wallet, or the one that the library brings along. */
@Timeout(60)
class ReserveTest {
    private val look = ResumeOptions(Look.TIP, reserve = ReserveLook.NOW)

    @Test
    fun `the embedded wallet is filled, seen and emptied`() = onDevice {
        val arbitrator = openWithSeedWallet()
        val address = arbitrator.reserveAddress()
        assertEquals(address, arbitrator.reserveAddress())
        testkit.pay(address, 50_000)
        testkit.mine(5)
        val height = arbitrator.resume(look).tip!!.height
        assertEquals(ReserveBalance(50_000uL, 0uL, 0uL, 0uL, height), arbitrator.reserveBalance())
        val emptied = arbitrator.emptyReserve(ANOTHER_ADDRESS, 500u)
        assertEquals(BroadcastOutcome.Accepted, emptied.outcome)
        assertEquals(50_000uL, arbitrator.reserveBalance().leavingSat)
        refusal<ArbitratorException.FeeBelowReplaced> { arbitrator.emptyReserve(ANOTHER_ADDRESS, 400u) }
        testkit.mine(1)
        arbitrator.resume(look)
        assertEquals(0uL, arbitrator.reserveBalance().confirmedSat)
    }

    @Test
    fun `sweeps go to the embedded wallet`() = onDevice {
        val arbitrator = openWithSeedWallet()
        start(arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        wakeAfter(1, arbitrator)
        testkit.mine(6)
        arbitrator.resume(look)
        assertTrue(arbitrator.reserveBalance().confirmedSat > 0uL)
    }

    @Test
    fun `what a force close would need is known without a network`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        testkit.close()
        val needed = arbitrator.reserveNeeded(2_500u)
        assertEquals(needed.totalSat, needed.coinsSat.sum())
        assertTrue(needed.totalSat >= 10_000uL, "$needed")
    }

    @Test
    fun `without anchors nothing is needed`() = onDevice(ChannelType.STATIC_REMOTEKEY) {
        val arbitrator = open()
        start(arbitrator)
        assertEquals(0uL, arbitrator.reserveNeeded(2_500u).totalSat)
    }

    @Test
    fun `a wallet of BDK's lends the coin that takes a payment back`() = onDevice {
        val bdk = BdkReserve(testkit.url)
        testkit.pay(bdk.address(), 100_000)
        val arbitrator = open(wallet = bdk)
        start(arbitrator)
        feed(arbitrator, partner.pay())
        wakeAfter(1, arbitrator)
        assertEquals(null, arbitrator.forceClose(channel).delayed)
        wakeAfter(1, arbitrator)
        wakeAfter(700 - testkit.mine(1), arbitrator)
        val coin = bdk.held.single()
        wakeAfter(1, arbitrator)
        assertTrue(bdk.coins().none { it.outpoint == coin })
    }

    @Test
    fun `the app's wallet is told which of its coins are held`() = onDevice {
        val told = mutableListOf<List<OutPoint>>()
        val lender = object : OnchainWallet by wallet {
            override fun holdCoins(held: List<OutPoint>) {
                told += held
            }
        }
        val arbitrator = open(wallet = lender)
        start(arbitrator)
        wakeAfter(1, arbitrator)
        assertEquals(listOf(emptyList<OutPoint>()), told)
    }
}
