resource "aws_network_acl" "web" {
  vpc_id     = aws_vpc.shop.id
  subnet_ids = [aws_subnet.web.id]

  ingress {
    rule_no    = 100
    protocol   = "tcp"
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 443
    to_port    = 443
  }

  ingress {
    rule_no    = 200
    protocol   = "tcp"
    action     = "allow"
    cidr_block = "10.0.1.0/24"
    from_port  = 1024
    to_port    = 65535
  }

  egress {
    rule_no    = 100
    protocol   = "-1"
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_network_acl" "db" {
  vpc_id     = aws_vpc.shop.id
  subnet_ids = [aws_subnet.db.id]
}

resource "aws_network_acl_rule" "db_in" {
  network_acl_id = aws_network_acl.db.id
  rule_number    = 100
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "10.0.1.0/24"
  from_port      = 5432
  to_port        = 5432
}

resource "aws_network_acl_rule" "db_replies" {
  network_acl_id = aws_network_acl.db.id
  egress         = true
  rule_number    = 100
  protocol       = "tcp"
  rule_action    = "allow"
  cidr_block     = "10.0.1.0/24"
  from_port      = 1024
  to_port        = 65535
}
