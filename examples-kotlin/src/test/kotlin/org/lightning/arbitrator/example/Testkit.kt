package org.lightning.arbitrator.example

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers

/** The program that plays the chain, the Esplora server and the channel partner; it ends with its standard input. */
class Testkit : AutoCloseable {
    private val process = ProcessBuilder(
        checkNotNull(System.getenv("TESTKIT_SERVER")) { "TESTKIT_SERVER names no program: run scripts/test-kotlin.sh" },
    ).redirectError(ProcessBuilder.Redirect.INHERIT).start()
    private val http = HttpClient.newHttpClient()

    /** Where the Esplora server answers. */
    val url: String = process.inputStream.bufferedReader().readLine().removePrefix("listening ")

    override fun close() {
        process.outputStream.close()
        process.waitFor()
    }

    fun get(path: String): JsonObject = send(HttpRequest.newBuilder(URI("$url/control$path")).GET())

    fun post(path: String, body: String = "{}"): JsonObject =
        send(HttpRequest.newBuilder(URI("$url/control$path")).POST(HttpRequest.BodyPublishers.ofString(body)))

    private fun send(request: HttpRequest.Builder): JsonObject {
        val response = http.send(request.build(), BodyHandlers.ofString())
        check(response.statusCode() == 200) { "${response.request().uri()}: ${response.body()}" }
        return Json.parseToJsonElement(response.body()).jsonObject
    }

    /** Mines, the waiting transactions first; the new height. */
    fun mine(blocks: Int): Int = post("/mine", """{"blocks": $blocks}""").obj("tip").value("height").int

    /** Pays an address in a block of its own. */
    fun pay(address: String, sat: Long) {
        post("/fund", """{"script": "$address", "value_sat": $sat}""")
    }

    /** What is confirmed at a script and unspent. */
    fun balanceSat(script: ByteArray): Long = get("/address/${script.toHexString()}").value("confirmed_sat").long
}

fun JsonObject.value(name: String): JsonPrimitive = getValue(name).jsonPrimitive

fun JsonObject.obj(name: String): JsonObject = getValue(name).jsonObject

fun JsonObject.bytes(name: String): ByteArray = value(name).content.hexToByteArray()
