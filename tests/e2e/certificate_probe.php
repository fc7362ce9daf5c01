<?php
/* Asks for a server's certificate as Nextcloud Talk does when an administrator tests a server with
   turns: a handshake without verification, after which nothing is said. Prints null if it fails. */

$context = stream_context_create(['ssl' => [
    'capture_peer_cert' => true,
    'verify_peer' => false,
    'verify_peer_name' => false,
    'allow_self_signed' => true,
]]);
$stream = @stream_socket_client("ssl://$argv[1]", $code, $text, 30, STREAM_CLIENT_CONNECT,
                                $context);
if (!$stream || $code) {
    exit("null\n");
}
$certificate = stream_context_get_params($stream)['options']['ssl']['peer_certificate'];
$ends = new DateTime('@' . openssl_x509_parse($certificate)['validTo_time_t']);
echo json_encode([
    'days' => (new DateTime())->diff($ends)->days,
    'fingerprint' => openssl_x509_fingerprint($certificate, 'sha256'),
    'protocol' => stream_get_meta_data($stream)['crypto']['protocol'],
]), "\n";
fclose($stream);
